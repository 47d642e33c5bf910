/**
 * Watches over nodes: a lease that this process has not seen change for the grace period makes its node Unknown and
 * tainted, and its pods not ready and, when their toleration is over, deleted. Every term starts with a fresh grace
 * period for every node, because only observations of this term count.
 *
 * A pod on a node that is gone cannot end itself, so it is removed with no grace; its replacement runs elsewhere.
 */
import { type Node, type Pod, resources } from '@timonier/api';
import { isNotFound, type Stoppable } from '@timonier/client';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { isPodFinished, podCondition } from '../pods.ts';
import { decideNode, staysForMs } from './decide.ts';

interface Observation {
  /** What was last seen of the node's own doing: its lease's renewal and its status's heartbeat. */
  signs: string;
  /** Monotonic. */
  at: number;
  /** Since when each NoExecute taint has been seen, by key; monotonic. */
  readonly taintedAt: Map<string, number>;
}

export function startNodeLifecycleController(context: LoopContext): Stoppable {
  const { informers } = context;
  const observations = new Map<string, Observation>();
  return startQueueLoop(context, {
    name: 'node_lifecycle_controller',
    concurrency: 8,
    feeds: [
      feed(informers.nodes, (node) => [node.metadata?.name ?? '']),
      feed(informers.leases, (lease) => [lease.metadata?.name ?? '']),
      feed(informers.pods, (pod) => (pod.spec?.nodeName === undefined ? [] : [pod.spec.nodeName])),
    ],
    sync: (name) => sync(context, observations, name),
  });
}

async function sync(
  context: LoopContext,
  observations: Map<string, Observation>,
  name: string,
): Promise<void | { againAfterMs: number }> {
  const { informers, settings, client, term, recorder } = context;
  const node = informers.nodes.get({ name });
  if (node === undefined) {
    observations.delete(name);
    return undefined;
  }
  const monotonic = performance.now();
  const observation = observe(observations, name, signsOf(context, node), monotonic);
  const decision = decideNode({
    node,
    silentForMs: monotonic - observation.at,
    graceMs: settings.nodeMonitorGraceMs,
    now: Date.now(),
  });
  let current = node;
  if (decision.conditions !== undefined) {
    const status = { ...node.status, conditions: decision.conditions };
    current = await client.update(
      resources.nodes,
      { ...node, status },
      { ...term.write, subresource: 'status' },
    );
    if (decision.ready === 'Unknown') {
      recorder.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    }
  }
  if (decision.taints !== undefined) {
    const spec = { ...current.spec, taints: decision.taints };
    current = await client.update(resources.nodes, { ...current, spec }, term.write);
  }
  const taints = current.spec?.taints ?? [];
  noteTaints(observation, taints, monotonic);
  let again = decision.againAfterMs;
  for (const pod of informers.pods.byIndex('node', name)) {
    if (isPodFinished(pod)) continue;
    if (decision.ready !== 'True') await markNotReady(context, pod);
    const stays = staysForMs(pod, taints, settings.defaultEvictionMs);
    if (stays === undefined) continue;
    const left = stays - (monotonic - since(observation, monotonic));
    if (left > 0) again = Math.min(again ?? Infinity, left);
    // With every node silent at once it is rather us who are cut off: nobody could take the pods over anyway.
    else if (informers.nodes.list().some(isReady))
      await evict(context, node, pod, decision.ready === 'Unknown');
    else again = Math.min(again ?? Infinity, 1_000);
  }
  return again === undefined ? undefined : { againAfterMs: Math.max(10, again) };
}

function isReady(node: Node): boolean {
  return node.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
}

function signsOf({ informers }: LoopContext, node: Node): string {
  const name = node.metadata?.name ?? '';
  const lease = informers.leases.get({ namespace: 'kube-node-lease', name });
  // Only what the kubelet itself writes counts: our own changes of conditions must not look like a sign of life.
  const heartbeats = (node.status?.conditions ?? []).map(({ lastHeartbeatTime }) => lastHeartbeatTime ?? '');
  return [node.metadata?.uid, lease?.spec?.renewTime, lease?.spec?.holderIdentity, ...heartbeats].join(' ');
}

function observe(
  observations: Map<string, Observation>,
  name: string,
  signs: string,
  at: number,
): Observation {
  const known = observations.get(name);
  if (known === undefined) {
    const fresh = { signs, at, taintedAt: new Map<string, number>() };
    observations.set(name, fresh);
    return fresh;
  }
  if (known.signs !== signs) {
    known.signs = signs;
    known.at = at;
  }
  return known;
}

function noteTaints(
  { taintedAt }: Observation,
  taints: readonly { key: string; effect: string }[],
  at: number,
): void {
  const present = new Set(taints.filter(({ effect }) => effect === 'NoExecute').map(({ key }) => key));
  for (const key of taintedAt.keys()) if (!present.has(key)) taintedAt.delete(key);
  for (const key of present) if (!taintedAt.has(key)) taintedAt.set(key, at);
}

/** Earliest time at which a NoExecute taint that is still there was seen. */
function since({ taintedAt }: Observation, now: number): number {
  return Math.min(now, ...taintedAt.values());
}

async function markNotReady({ client, term }: LoopContext, pod: Pod): Promise<void> {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True') return;
  const { name = '', namespace, uid } = pod.metadata ?? {};
  const lastTransitionTime = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const condition = { type: 'Ready', status: 'False', reason: 'NodeLost', lastTransitionTime };
  try {
    await client.patch(
      resources.pods,
      { namespace, name },
      'strategic',
      { metadata: { uid }, status: { conditions: [condition] } },
      { ...term.write, subresource: 'status' },
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function evict(
  { client, term, recorder }: LoopContext,
  node: Node,
  pod: Pod,
  lost: boolean,
): Promise<void> {
  const { name = '', namespace, uid, deletionTimestamp } = pod.metadata ?? {};
  if (deletionTimestamp !== undefined && !lost) return;
  try {
    await client.delete(
      resources.pods,
      { namespace, name },
      {
        ...term.write,
        ...(lost ? { gracePeriodSeconds: 0 } : {}),
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      },
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return;
  }
  const nodeName = node.metadata?.name ?? '';
  recorder.event(
    pod,
    'Normal',
    'TaintManagerEviction',
    `Marking for deletion Pod ${namespace ?? ''}/${name} of node ${nodeName}`,
  );
}
