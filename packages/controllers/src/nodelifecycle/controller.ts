/**
 * Watches over nodes: a lease that this process has not seen change for the grace period makes its node Unknown and
 * tainted, and its pods not ready and, when their toleration is over, deleted. Every term starts with a fresh grace
 * period for every node, because only observations of this term count.
 *
 * A pod on a node that is gone cannot end itself, so it is removed with no grace; its replacement runs elsewhere. How
 * many nodes may be given up is `disruption.ts`'s to say. Silence alone condemns nobody: a cache that lags looks the
 * same, so the API server is asked before a node is given up.
 */
import { type Node, type Pod, resources } from '@timonier/api';
import { isNotFound, type Stoppable } from '@timonier/client';
import { type Feed, feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { isPodFinished } from '../pods.ts';
import { decideNode, isDriven, readinessOf, staysForMs } from './decide.ts';
import { Disruption } from './disruption.ts';
import { evict, forEachPod, markNotReady } from './evictions.ts';
import {
  grantGrace,
  noteTaints,
  type Observation,
  type Observations,
  observe,
  renewalOf,
  signsOf,
  taintedSince,
} from './observation.ts';

const leaseNamespace = 'kube-node-lease';
/** A lost node is worth another try soon, whatever failed before. */
const maxDelayMs = 1_000;

interface Watchtower {
  readonly context: LoopContext;
  readonly observations: Observations;
  readonly disruption: Disruption;
  /** Queues every node. */
  enqueueAll: () => void;
}

export function startNodeLifecycleController(context: LoopContext): Stoppable {
  const { informers, settings } = context;
  const tower: Watchtower = {
    context,
    observations: new Map(),
    disruption: new Disruption(settings),
    enqueueAll: () => undefined,
  };
  const everyNode: Feed = {
    subscribe(enqueue) {
      tower.enqueueAll = () => {
        for (const { metadata } of informers.nodes.list()) enqueue(metadata?.name ?? '');
      };
      return () => (tower.enqueueAll = () => undefined);
    },
  };
  return startQueueLoop(context, {
    name: 'node_lifecycle_controller',
    concurrency: 8,
    maxDelayMs,
    feeds: [
      everyNode,
      feed(informers.nodes, (node) => [node.metadata?.name ?? '']),
      feed(informers.leases, (lease) => [lease.metadata?.name ?? '']),
      feed(informers.pods, (pod) => (pod.spec?.nodeName === undefined ? [] : [pod.spec.nodeName])),
    ],
    sync: (name) => sync(tower, name),
  });
}

async function sync(tower: Watchtower, name: string): Promise<void | { againAfterMs: number }> {
  const { observations, disruption, context } = tower;
  const { informers, settings } = context;
  const node = informers.nodes.get({ name });
  if (node === undefined) {
    observations.delete(name);
    disruption.forget(name);
    return undefined;
  }
  const lease = informers.leases.get({ namespace: leaseNamespace, name });
  const observation = observe(observations, name, signsOf(node, lease), performance.now());
  await confirmSilence(context, name, observation);
  const now = performance.now();
  const ready = observation.lost ? 'Unknown' : readinessOf(node);
  const { eviction, againAfterMs } = evictionOf(tower, node, ready, observation, now);
  const decision = decideNode({
    node,
    silentForMs: observation.lost ? settings.nodeMonitorGraceMs : 0,
    graceMs: settings.nodeMonitorGraceMs,
    now: Date.now(),
    eviction,
  });
  const current = await write(context, node, decision);
  noteTaints(observation, current.spec?.taints ?? [], now);
  // A node that an earlier term gave up, and that this one has not heard of yet, still has its grace period.
  const drives = ready === 'Unknown' ? observation.lost && eviction === 'go' : true;
  const dueInMs = await treatPods(context, current, ready, drives, observation, now);
  const silenceMs = observation.lost
    ? undefined
    : settings.nodeMonitorGraceMs - (performance.now() - observation.at);
  const next = Math.min(againAfterMs ?? Infinity, dueInMs ?? Infinity, silenceMs ?? Infinity);
  return next === Infinity ? undefined : { againAfterMs: Math.max(10, next) };
}

/** Marks a node lost when it has been silent for the grace period and the API server knows of no renewal either. */
async function confirmSilence(
  { client, informers, settings }: LoopContext,
  name: string,
  observation: Observation,
): Promise<void> {
  if (observation.lost || performance.now() - observation.at < settings.nodeMonitorGraceMs) return;
  const key = { namespace: leaseNamespace, name };
  const seen = renewalOf(informers.leases.get(key));
  const { signs } = observation;
  const stored = await client.get(resources.leases, key).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (observation.signs !== signs) return;
  if (stored !== undefined && renewalOf(stored) !== seen) observation.at = performance.now();
  else observation.lost = true;
}

/** Whether this node's pods may be driven away now, and when to ask again if not. */
function evictionOf(
  { context, observations, disruption, enqueueAll }: Watchtower,
  node: Node,
  ready: 'True' | 'False' | 'Unknown',
  observation: Observation,
  now: number,
): { eviction: 'go' | 'hold' | 'stop'; againAfterMs?: number } {
  const name = node.metadata?.name ?? '';
  if (ready === 'True') disruption.forget(name);
  if (ready === 'True' && !disruption.total) return { eviction: 'hold' };
  const isLost = (other: Node): boolean =>
    readinessOf(other) !== 'True' || observations.get(other.metadata?.name ?? '')?.lost === true;
  const change = disruption.observe(context.informers.nodes.list(), isLost, now);
  if (change !== undefined) {
    const message = change === 'entered' ? 'no node is ready: evicting nothing' : 'a node is ready';
    context.log.info({ nodes: context.informers.nodes.size }, message);
    // While all were silent nobody could be told apart, so all begin anew.
    if (change === 'left') grantGrace(observations, now);
    enqueueAll();
  }
  if (disruption.total) return { eviction: 'stop' };
  if (ready === 'True' || (ready === 'Unknown' && !observation.lost)) return { eviction: 'hold' };
  if (isDriven(node)) return { eviction: 'go' };
  const waitMs = disruption.request(node, now);
  return waitMs === 0 ? { eviction: 'go' } : { eviction: 'hold', againAfterMs: waitMs };
}

async function write(
  { client, term, recorder }: LoopContext,
  node: Node,
  { conditions, taints, ready }: ReturnType<typeof decideNode>,
): Promise<Node> {
  let current = node;
  if (conditions !== undefined) {
    const status = { ...node.status, conditions };
    const options = { ...term.write, subresource: 'status' };
    current = await client.update(resources.nodes, { ...node, status }, options);
    if (ready === 'Unknown') {
      const name = node.metadata?.name ?? '';
      recorder.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    }
  }
  if (taints === undefined) return current;
  const spec = { ...current.spec, taints };
  return client.update(resources.nodes, { ...current, spec }, term.write);
}

/** Returns when the next pod's time is over. */
async function treatPods(
  context: LoopContext,
  node: Node,
  ready: 'True' | 'False' | 'Unknown',
  drives: boolean,
  observation: Observation,
  now: number,
): Promise<number | undefined> {
  const { informers, settings } = context;
  const pods = informers.pods.byIndex('node', node.metadata?.name ?? '').filter((pod) => !isPodFinished(pod));
  const taints = node.spec?.taints ?? [];
  const elapsed = now - taintedSince(observation, now);
  const due: Pod[] = [];
  let next: number | undefined;
  for (const pod of pods) {
    const stays = staysForMs(pod, taints, settings.defaultEvictionMs);
    if (stays === undefined || !drives) continue;
    if (stays <= elapsed) due.push(pod);
    else next = Math.min(next ?? Infinity, stays - elapsed);
  }
  const leaving = new Set(due);
  await forEachPod([...due, ...pods.filter((pod) => !leaving.has(pod))], async (pod) => {
    if (leaving.has(pod)) await evict(context, node, pod, ready === 'Unknown');
    else if (ready !== 'True') await markNotReady(context, pod);
  });
  return next;
}
