/**
 * Keeps as many pods as each ReplicaSet, and each ReplicationController, asks for.
 *
 * Instead of remembering what it created, a sync ends only when the pod cache shows it: all objects share one
 * revision, so a cache at a write's revision has seen the write. A key is never synced twice at once, hence no sync
 * decides on a cache older than its own writes.
 */
import { type Pod, type ReplicaSet, resources, selectorMatches } from '@timonier/api';
import { isInvalid, isNotFound, keyOf, objectKey, type Stoppable } from '@timonier/client';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { controllerOf } from '../owner.ts';
import { isPodActive } from '../pods.ts';
import { decide, failedStatus } from './decide.ts';
import { type ReplicaKind, replicaSets, replicationControllers } from './kinds.ts';

const observeForMs = 2_000;
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
  const namespace = pod.metadata?.namespace ?? '';
  const owner = controllerOf(pod);
  if (owner !== undefined) return owner.kind === kind.kind ? [keyOf({ namespace, name: owner.name })] : [];
  return kind
    .inNamespace(context, namespace)
    .filter((set) => selectorMatches(set.spec?.selector, pod.metadata?.labels))
    .map((set) => objectKey(set));
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
  for (const pod of decision.adopt) await adopt(context, kind, set, pod);
  for (const pod of decision.release) await release(context, set, pod);
  let failure: unknown;
  try {
    if (decision.create > 0) await createPods(context, kind, set, decision.create);
    if (decision.delete.length > 0) await deletePods(context, set, decision.delete);
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

/** In batches that double while all goes well, so that a quota or a webhook that refuses is asked once, not often. */
async function createPods(
  context: LoopContext,
  kind: ReplicaKind,
  set: ReplicaSet,
  count: number,
): Promise<void> {
  const { client, informers, recorder, term } = context;
  const { name = '', namespace = '' } = set.metadata ?? {};
  let revision = 0;
  try {
    for (let done = 0, batch = 1; done < count; done += batch, batch = Math.min(batch * 2, count - done)) {
      const size = Math.min(batch, count - done);
      const results = await Promise.allSettled(
        Array.from({ length: size }, () => client.create(resources.pods, podOf(set, kind), term.write)),
      );
      for (const result of results) {
        if (result.status === 'rejected') continue;
        const pod = result.value;
        revision = Math.max(revision, Number(pod.metadata?.resourceVersion ?? 0));
        recorder.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata?.name ?? ''}`);
      }
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) {
        const reason: unknown = failed.reason;
        const message = reason instanceof Error ? reason.message : String(reason);
        recorder.event(set, 'Warning', 'FailedCreate', `Error creating: ${message}`);
        throw new Error(`cannot create a pod for ${namespace}/${name}: ${message}`, { cause: reason });
      }
    }
  } finally {
    if (revision > 0) await informers.pods.catchUp(revision, term.signal, observeForMs);
  }
}

async function deletePods(context: LoopContext, set: ReplicaSet, victims: readonly Pod[]): Promise<void> {
  const { client, informers, recorder, term } = context;
  const results = await Promise.allSettled(
    victims.map(async (pod) => {
      const { name = '', namespace, uid } = pod.metadata ?? {};
      try {
        await client.delete(
          resources.pods,
          { namespace, name },
          { ...term.write, ...(uid === undefined ? {} : { preconditions: { uid } }) },
        );
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
      recorder.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    }),
  );
  const gone = victims.filter((_, i) => results[i]?.status === 'fulfilled');
  const seen = (): boolean =>
    gone.every((pod) => {
      const cached = informers.pods.get({
        namespace: pod.metadata?.namespace,
        name: pod.metadata?.name ?? '',
      });
      return cached?.metadata?.uid !== pod.metadata?.uid || cached?.metadata?.deletionTimestamp !== undefined;
    });
  await informers.pods.until(seen, term.signal, observeForMs);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** A pod as the set's template says. */
function podOf(set: ReplicaSet, kind: ReplicaKind): Pod {
  const { metadata, spec } = set.spec?.template ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${set.metadata?.name ?? ''}-`,
      namespace: set.metadata?.namespace ?? '',
      ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
      ...(metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ...(metadata?.finalizers === undefined ? {} : { finalizers: metadata.finalizers }),
      ownerReferences: [ownerReference(set, kind)],
    },
    ...(spec === undefined ? {} : { spec }),
  };
}

function ownerReference(
  set: ReplicaSet,
  { apiVersion, kind }: ReplicaKind,
): NonNullable<NonNullable<Pod['metadata']>['ownerReferences']>[number] {
  return {
    apiVersion,
    kind,
    name: set.metadata?.name ?? '',
    uid: set.metadata?.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

async function adopt(
  { client, term }: LoopContext,
  kind: ReplicaKind,
  set: ReplicaSet,
  pod: Pod,
): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata ?? {};
  const patch = { metadata: { uid, ownerReferences: [ownerReference(set, kind)] } };
  try {
    await client.patch(resources.pods, { namespace, name }, 'strategic', patch, term.write);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function release({ client, term }: LoopContext, set: ReplicaSet, pod: Pod): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata ?? {};
  const patch = { metadata: { uid, ownerReferences: [{ $patch: 'delete', uid: set.metadata?.uid }] } };
  try {
    await client.patch(resources.pods, { namespace, name }, 'strategic', patch, term.write);
  } catch (error) {
    // Invalid: the uid is another pod's by now, so there is nothing left to release.
    if (!isNotFound(error) && !isInvalid(error)) throw error;
  }
}
