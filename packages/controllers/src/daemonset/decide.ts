/**
 * What a DaemonSet needs next: pods to create on nodes, pods to delete, and the status that follows from the pods
 * seen. Pure. Nodes are put right first; only when nothing is to be put right does a rollout go on.
 */
import type { DaemonSet, DaemonSetStatus, Node, Pod } from '@timonier/api';
import { claimPods } from '../claim.ts';
import { sameValue } from '../equality.ts';
import { availableInMs, isPodFinished, isPodReady } from '../pods.ts';
import { isUpdated, nodeOf, type Placement, placementOn, podFor } from './nodes.ts';
import { allowsSurge, rolloutStep } from './rollout.ts';

export interface DaemonSetState {
  readonly set: DaemonSet;
  /** Names the current template; the label of its pods. */
  readonly hash: string;
  /** Pods that the set controls, and pods of its namespace that nobody controls. */
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  readonly now: number;
  /** How long a failed pod of a node must still lie before it is replaced. */
  readonly backoffMs: (node: string) => number;
}

/** A word to whoever looks at the set. */
export interface Notice {
  readonly type: 'Normal' | 'Warning';
  readonly reason: 'FailedDaemonPod' | 'SucceededDaemonPod';
  readonly message: string;
}

export interface DaemonSetDecision {
  readonly adopt: readonly Pod[];
  readonly release: readonly Pod[];
  readonly create: readonly Pod[];
  readonly delete: readonly Pod[];
  /** Nodes among whose deleted pods is one that failed: the next one to fail there waits longer. */
  readonly failedOn: readonly string[];
  readonly notices: readonly Notice[];
  /** The pods that count, adopted ones among them. */
  readonly own: readonly Pod[];
  /** Only when it differs from the one stored. */
  readonly status: DaemonSetStatus | undefined;
  /** When time alone changes the decision. */
  readonly againAfterMs: number | undefined;
}

/** No more pods than this are created or deleted in one go. */
const burstLimit = 250;

export function decide(state: DaemonSetState): DaemonSetDecision {
  const { set, hash, nodes, now } = state;
  const { adopt, release, own } = claimPods(set, state.pods);
  const byNode = groupByNode(own);
  const placements = new Map<string, Placement>(
    nodes.map((node) => [node.metadata?.name ?? '', placementOn(set, node)]),
  );
  const needs = { create: [] as string[], delete: [] as Pod[], failedOn: [] as string[] };
  const notices: Notice[] = [];
  let wait: number | undefined;
  for (const [node, placement] of placements) {
    const need = needOfNode(state, node, placement, byNode.get(node) ?? []);
    needs.create.push(...need.create);
    needs.delete.push(...need.delete);
    needs.failedOn.push(...need.failedOn);
    notices.push(...need.notices);
    if (need.waitMs !== undefined) wait = Math.min(wait ?? Infinity, need.waitMs);
  }
  needs.delete.push(...lostBeforePlaced(byNode, placements));
  if (needs.create.length + needs.delete.length === 0 && set.spec?.updateStrategy?.type !== 'OnDelete') {
    const wanting = [...placements].filter(([, { run }]) => run).map(([node]) => node);
    const podsByNode = new Map<string, readonly Pod[]>(byNode);
    for (const node of wanting) if (!podsByNode.has(node)) podsByNode.set(node, []);
    const step = rolloutStep({ set, hash, podsByNode, desired: wanting.length, now });
    needs.create.push(...step.create);
    needs.delete.push(...step.delete);
  }
  const { status, againAfterMs } = statusOf(state, byNode, placements);
  if (againAfterMs !== undefined) wait = Math.min(wait ?? Infinity, againAfterMs);
  return {
    adopt,
    release,
    create: needs.create.slice(0, burstLimit).map((node) => podFor(set, node, hash)),
    delete: needs.delete.slice(0, burstLimit),
    failedOn: needs.failedOn,
    notices,
    own,
    status: sameValue(status, set.status) ? undefined : status,
    againAfterMs: wait,
  };
}

/** The oldest first; pods that have ended and are being removed count nowhere. */
function groupByNode(pods: readonly Pod[]): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods.toSorted(placedAndOldFirst)) {
    const node = nodeOf(pod);
    if (node === undefined) continue;
    if (isPodFinished(pod) && pod.metadata?.deletionTimestamp !== undefined) continue;
    const there = byNode.get(node);
    if (there === undefined) byNode.set(node, [pod]);
    else there.push(pod);
  }
  return byNode;
}

function placedAndOldFirst(a: Pod, b: Pod): number {
  const rank = ({ spec, metadata }: Pod): readonly [string, string, string] => [
    spec?.nodeName === undefined ? '1' : '0',
    metadata?.creationTimestamp ?? '',
    metadata?.name ?? '',
  ];
  const [left, right] = [rank(a).join(' '), rank(b).join(' ')];
  return left < right ? -1 : left > right ? 1 : 0;
}

interface Need {
  readonly create: readonly string[];
  readonly delete: readonly Pod[];
  readonly failedOn: readonly string[];
  readonly notices: readonly Notice[];
  readonly waitMs: number | undefined;
}

function needOfNode(
  { set, hash, now, backoffMs }: DaemonSetState,
  node: string,
  { run, stay }: Placement,
  pods: readonly Pod[],
): Need {
  const none: Need = { create: [], delete: [], failedOn: [], notices: [], waitMs: undefined };
  const staying = pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  if (run && pods.length === 0) return { ...none, create: [node] };
  if (!stay) return { ...none, delete: staying };
  const ended = staying.filter(isPodFinished);
  const running = staying.filter((pod) => !isPodFinished(pod));
  const delayed = ended.filter((pod) => pod.status?.phase === 'Failed' && backoffMs(node) > 0);
  const removed = ended.filter((pod) => !delayed.includes(pod));
  const failed = removed.some((pod) => pod.status?.phase === 'Failed');
  // Surging, a node is not without a pod until the one that leaves is gone.
  const replacement = allowsSurge(set) && run && running.length === 0 && delayed.length === 0 ? [node] : [];
  return {
    create: replacement,
    delete: [...removed, ...excess(set, hash, running, now)],
    failedOn: failed ? [node] : [],
    notices: removed.map((pod) => noticeOf(pod, node)),
    waitMs: delayed.length === 0 ? undefined : backoffMs(node),
  };
}

/** Doubles go, the oldest stays; while surging one of each template stays until the new one can take over. */
function excess(set: DaemonSet, hash: string, running: readonly Pod[], now: number): readonly Pod[] {
  if (!allowsSurge(set)) return running.slice(1);
  if (running.length <= 1) return [];
  const isNew = (pod: Pod): boolean => pod.metadata?.labels?.['controller-revision-hash'] === hash;
  const updated = running.find(isNew);
  const old = running.find((pod) => !isNew(pod));
  const doubles = running.filter((pod) => pod !== updated && pod !== old);
  if (updated === undefined || old === undefined) return doubles;
  const takesOver = availableInMs(updated, set.spec?.minReadySeconds ?? 0, now) === 0;
  return !isPodReady(old) || takesOver ? [...doubles, old] : doubles;
}

function noticeOf({ metadata, status }: Pod, node: string): Notice {
  const pod = `daemon pod ${metadata?.namespace ?? ''}/${metadata?.name ?? ''} on node ${node}`;
  return status?.phase === 'Failed'
    ? { type: 'Warning', reason: 'FailedDaemonPod', message: `Found failed ${pod}, will try to kill it` }
    : {
        type: 'Normal',
        reason: 'SucceededDaemonPod',
        message: `Found succeeded ${pod}, will try to delete it`,
      };
}

/** Pods for nodes that are gone: nobody else removes one that was never placed. */
function lostBeforePlaced(
  byNode: ReadonlyMap<string, readonly Pod[]>,
  nodes: ReadonlyMap<string, unknown>,
): Pod[] {
  return [...byNode]
    .filter(([node]) => !nodes.has(node))
    .flatMap(([, pods]) => pods)
    .filter(
      ({ spec, metadata }) => spec?.nodeName === undefined && metadata?.deletionTimestamp === undefined,
    );
}

function statusOf(
  { set, hash, now }: DaemonSetState,
  byNode: ReadonlyMap<string, readonly Pod[]>,
  placements: ReadonlyMap<string, Placement>,
): { status: DaemonSetStatus; againAfterMs: number | undefined } {
  let [current, misscheduled, desired, ready, updated, available] = [0, 0, 0, 0, 0, 0];
  let againAfterMs: number | undefined;
  for (const [node, { run }] of placements) {
    const pod = byNode.get(node)?.[0];
    if (run) desired += 1;
    if (pod === undefined) continue;
    if (!run) {
      misscheduled += 1;
      continue;
    }
    current += 1;
    if (isUpdated(set, pod, hash)) updated += 1;
    const wait = availableInMs(pod, set.spec?.minReadySeconds ?? 0, now);
    if (wait === undefined) continue;
    ready += 1;
    if (wait === 0) available += 1;
    else againAfterMs = Math.min(againAfterMs ?? Infinity, wait);
  }
  const unavailable = desired - available;
  const { collisionCount, conditions } = set.status ?? {};
  return {
    status: {
      currentNumberScheduled: current,
      numberMisscheduled: misscheduled,
      desiredNumberScheduled: desired,
      numberReady: ready,
      ...(set.metadata?.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
      ...(updated === 0 ? {} : { updatedNumberScheduled: updated }),
      ...(available === 0 ? {} : { numberAvailable: available }),
      ...(unavailable === 0 ? {} : { numberUnavailable: unavailable }),
      ...(collisionCount === undefined ? {} : { collisionCount }),
      ...(conditions === undefined ? {} : { conditions }),
    },
    againAfterMs,
  };
}
