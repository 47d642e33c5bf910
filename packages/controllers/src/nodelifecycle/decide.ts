/**
 * What follows from a node's silence or its own word: conditions, taints, and which of its pods must go when. Pure.
 *
 * Time is only ever how long *this* process has seen a lease unchanged, by its own monotonic clock; times written by
 * other machines are never compared.
 */
import { type Node, type NodeCondition, type Pod, type Taint, toleratesTaint } from '@timonier/api';
import { sameValue } from '../equality.ts';

const unreachableTaint = 'node.kubernetes.io/unreachable';
const notReadyTaint = 'node.kubernetes.io/not-ready';

/** Taints that follow from conditions: condition, value that taints, taint. */
const pressureTaints = [
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
] as const;
const unschedulableTaint = 'node.kubernetes.io/unschedulable';

/**
 * What becomes of the taints that drive pods away (those that keep new ones off always come at once): `go` sets them,
 * `hold` sets none but keeps one from before, `stop` takes them off.
 */
export type Eviction = 'go' | 'hold' | 'stop';

export interface NodeState {
  readonly node: Node;
  /** Milliseconds since this process last saw the node's lease or status change. */
  readonly silentForMs: number;
  readonly graceMs: number;
  /** For the times written into conditions and taints. */
  readonly now: number;
  readonly eviction: Eviction;
}

export interface NodeDecision {
  /** The new status, when it changes. */
  readonly conditions: NodeCondition[] | undefined;
  /** The new taints, when they change. */
  readonly taints: Taint[] | undefined;
  /** Ready as it will be after this decision. */
  readonly ready: 'True' | 'False' | 'Unknown';
  /** When silence alone changes the decision; undefined when the node is already given up. */
  readonly againAfterMs: number | undefined;
}

export function decideNode({ node, silentForMs, graceMs, now, eviction }: NodeState): NodeDecision {
  const lost = silentForMs >= graceMs;
  const conditions = node.status?.conditions ?? [];
  const next = lost ? unknownConditions(conditions, now) : conditions;
  const ready = readiness(next);
  const taints = taintsOf(node, next, ready, now, eviction);
  return {
    conditions: sameValue(next, conditions) ? undefined : next,
    taints: sameValue(taints, node.spec?.taints ?? []) ? undefined : taints,
    ready,
    againAfterMs: lost ? undefined : graceMs - silentForMs,
  };
}

/** True when a node's pods are driven away because the node is not ready. */
export function isDriven({ spec }: Node): boolean {
  return (spec?.taints ?? []).some(
    ({ key, effect }) => effect === 'NoExecute' && (key === unreachableTaint || key === notReadyTaint),
  );
}

/** Ready as a node's status tells it. */
export function readinessOf({ status }: Node): 'True' | 'False' | 'Unknown' {
  return readiness(status?.conditions ?? []);
}

function readiness(conditions: readonly NodeCondition[]): 'True' | 'False' | 'Unknown' {
  const status = conditions.find(({ type }) => type === 'Ready')?.status;
  return status === 'True' || status === 'False' ? status : 'Unknown';
}

/** Everything the kubelet reports about itself is unknown once it is silent. */
function unknownConditions(conditions: readonly NodeCondition[], now: number): NodeCondition[] {
  const reported = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];
  const time = timestamp(now);
  const next = conditions.map((condition) =>
    reported.includes(condition.type) && condition.status !== 'Unknown'
      ? {
          ...condition,
          status: 'Unknown' as const,
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
          lastTransitionTime: time,
        }
      : condition,
  );
  if (!next.some(({ type }) => type === 'Ready')) {
    next.push({
      type: 'Ready',
      status: 'Unknown',
      reason: 'NodeStatusNeverUpdated',
      message: 'Kubelet never posted node status.',
      lastHeartbeatTime: time,
      lastTransitionTime: time,
    });
  }
  return next;
}

function taintsOf(
  node: Node,
  conditions: readonly NodeCondition[],
  ready: 'True' | 'False' | 'Unknown',
  now: number,
  eviction: Eviction,
): Taint[] {
  const drives = eviction === 'go' || (eviction === 'hold' && isDriven(node));
  const wanted = new Map<string, Taint>();
  const want = (key: string, effect: Taint['effect']): void => {
    const timed = effect === 'NoExecute' ? { timeAdded: timestamp(now) } : {};
    wanted.set(`${key} ${effect}`, { key, effect, ...timed });
  };
  if (ready === 'Unknown') {
    want(unreachableTaint, 'NoSchedule');
    if (drives) want(unreachableTaint, 'NoExecute');
  } else if (ready === 'False') {
    want(notReadyTaint, 'NoSchedule');
    if (drives) want(notReadyTaint, 'NoExecute');
  }
  for (const [type, value, key] of pressureTaints) {
    if (conditions.find((condition) => condition.type === type)?.status === value) want(key, 'NoSchedule');
  }
  if (node.spec?.unschedulable === true) want(unschedulableTaint, 'NoSchedule');
  const managed = new Set([
    unreachableTaint,
    notReadyTaint,
    unschedulableTaint,
    ...pressureTaints.map(([, , key]) => key as string),
  ]);
  const kept: Taint[] = [];
  for (const taint of node.spec?.taints ?? []) {
    const id = `${taint.key} ${taint.effect}`;
    if (!managed.has(taint.key)) kept.push(taint);
    else if (wanted.delete(id)) kept.push(taint);
  }
  return [...kept, ...wanted.values()];
}

/**
 * How long a pod may stay on a node with these NoExecute taints, counted from when they were first seen: undefined
 * for ever. A pod without any toleration for a lost node is given `defaultEvictionMs`.
 */
export function staysForMs(
  pod: Pod,
  taints: readonly Taint[],
  defaultEvictionMs: number,
): number | undefined {
  let stay: number | undefined;
  // Somebody wants it gone already, and nobody on a silent node can tell us that it went.
  const deleting = pod.metadata?.deletionTimestamp !== undefined;
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue;
    if (deleting && taint.key === unreachableTaint) stay = Math.min(stay ?? Infinity, defaultEvictionMs);
    const matching = (pod.spec?.tolerations ?? []).filter((toleration) => toleratesTaint(toleration, taint));
    const own = taint.key === unreachableTaint || taint.key === notReadyTaint ? defaultEvictionMs : 0;
    const limits = matching.map(({ tolerationSeconds }) =>
      tolerationSeconds === undefined ? undefined : Math.max(0, tolerationSeconds * 1000),
    );
    const limit = matching.length === 0 ? own : shortest(limits);
    if (limit !== undefined) stay = Math.min(stay ?? Infinity, limit);
  }
  return stay;
}

function shortest(limits: readonly (number | undefined)[]): number | undefined {
  const bounded = limits.filter((limit) => limit !== undefined);
  return bounded.length === 0 ? undefined : Math.min(...bounded);
}

function timestamp(now: number): string {
  return new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
}
