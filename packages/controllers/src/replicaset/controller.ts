/**
 * Keeps as many pods as each ReplicaSet, and each ReplicationController, asks for.
 *
 * Instead of remembering what it created, a sync ends only when the pod cache shows it: all objects share one
 * revision, so a cache at a write's revision has seen the write. A key is never synced twice at once, hence no sync
 * decides on a cache older than its own writes.
 */
import { type Pod, type ReplicaSet } from '@timonier/api';
import { isNotFound, type Stoppable } from '@timonier/client';
import { concerned } from '../concerned.ts';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { controllerOf } from '../owner.ts';
import {
  adoptPod,
  createPods,
  deletePods,
  observeForMs,
  podFromTemplate,
  type PodOwner,
  releasePod,
} from '../pod-control.ts';
import { isPodActive } from '../pods.ts';
import { decide, failedStatus } from './decide.ts';
import { type ReplicaKind, replicaSets, replicationControllers } from './kinds.ts';

/** Pods that are missing are worth another try soon, also after a while of trouble. */
const maxDelayMs = 5_000;

export function startReplicaSetController(context: LoopContext): Stoppable {
  return startReplicas(context, replicaSets);
}

export function startReplicationController(context: LoopContext): Stoppable {
  return startReplicas(context, replicationControllers);
}

function startReplicas(context: LoopContext, kind: ReplicaKind): Stoppable {
  return startQueueLoop(context, {
    name: kind.name,
    concurrency: 5,
    maxDelayMs,
    feeds: [kind.feed(context), feed(context.informers.pods, (pod) => keysOfPod(context, kind, pod))],
    sync: (key) => sync(context, kind, key),
  });
}

function keysOfPod(context: LoopContext, kind: ReplicaKind, pod: Pod): string[] {
  return concerned(pod, kind.kind, (namespace) => kind.inNamespace(context, namespace));
}

async function sync(
  context: LoopContext,
  kind: ReplicaKind,
  key: string,
): Promise<void | { againAfterMs: number }> {
  const { informers } = context;
  const set = kind.get(context, key);
  if (set === undefined) return undefined;
  const namespace = set.metadata?.namespace ?? '';
  const pods = [
    ...informers.pods.byIndex('owner', set.metadata?.uid ?? ''),
    ...informers.pods.byIndex('orphans', namespace),
  ];
  const decision = decide({ set, pods, neighbours: neighboursOf(context, set), now: Date.now() });
  const owner: PodOwner = { object: set, apiVersion: kind.apiVersion, kind: kind.kind };
  for (const pod of decision.adopt) await adoptPod(context, owner, pod);
  for (const pod of decision.release) await releasePod(context, owner, pod);
  let failure: unknown;
  try {
    const generateName = `${set.metadata?.name ?? ''}-`;
    const pod = podFromTemplate(owner, set.spec?.template, { generateName });
    const pods = Array.from({ length: decision.create }, () => pod);
    if (pods.length > 0) await createPods(context, owner, pods);
    if (decision.delete.length > 0) await deletePods(context, owner, decision.delete);
  } catch (error) {
    failure = error;
  }
  const status =
    failure === undefined
      ? decision.status
      : failedStatus(set, decision.active, Date.now(), {
          reason: decision.create > 0 ? 'FailedCreate' : 'FailedDelete',
          message: failure instanceof Error ? failure.message : 'unknown',
        });
  if (status !== undefined) await writeStatus(context, kind, { ...set, status });
  if (failure !== undefined) throw failure;
  return decision.againAfterMs === undefined ? undefined : { againAfterMs: decision.againAfterMs };
}

async function writeStatus(context: LoopContext, kind: ReplicaKind, set: ReplicaSet): Promise<void> {
  const { term } = context;
  try {
    const version = await kind.writeStatus(context, set);
    await kind.informer(context).catchUp(Number(version ?? 0), term.signal, observeForMs);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Active pods per node over all sets that share this set's owner. */
function neighboursOf({ informers }: LoopContext, set: ReplicaSet): Map<string, number> {
  const owner = controllerOf(set)?.uid;
  const related = owner === undefined ? [set] : informers.replicasets.byIndex('owner', owner);
  const counts = new Map<string, number>();
  for (const { metadata } of related) {
    for (const pod of informers.pods.byIndex('owner', metadata?.uid ?? '')) {
      const node = pod.spec?.nodeName;
      if (node !== undefined && isPodActive(pod)) counts.set(node, (counts.get(node) ?? 0) + 1);
    }
  }
  return counts;
}
