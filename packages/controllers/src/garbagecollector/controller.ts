/**
 * Deletes what has lost its last owner, and carries out foreground and orphaning deletions, over all served kinds.
 *
 * Invariant: an owner counts as absent only when the API server itself said so just now; a cache that lags can delay
 * a deletion but never cause one.
 */
import { isConflict, isNotFound, type Stoppable } from '@timonier/client';
import { type OwnedMetadata, ownerTypeKey, type ServedResource } from '../discovery.ts';
import { sameValue } from '../equality.ts';
import { type Feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { type CollectorAction, decide, foregroundFinalizer, type OwnerState } from './decide.ts';
import { type GraphNode, OwnershipGraph } from './graph.ts';
import type { Monitored, ResourceMonitor } from './monitor.ts';

type OwnerReference = NonNullable<NonNullable<OwnedMetadata['metadata']>['ownerReferences']>[number];

export function startGarbageCollector(context: LoopContext, monitor: ResourceMonitor): Stoppable {
  const graph = new OwnershipGraph();
  return startQueueLoop(context, {
    name: 'garbage_collector',
    concurrency: 10,
    feeds: [graphFeed(monitor, graph)],
    sync: (uid) => sync(context, monitor, graph, uid),
  });
}

/** Keeps the graph, and queues whatever a change may concern: the object, its dependents, its owners. */
function graphFeed(monitor: ResourceMonitor, graph: OwnershipGraph): Feed {
  return {
    subscribe(enqueue) {
      const ends: (() => void)[] = [];
      const concern = (object: OwnedMetadata): void => {
        enqueue(object.metadata?.uid ?? '');
        for (const owner of object.metadata?.ownerReferences ?? []) {
          // Only owners that wait for their dependents care.
          if (graph.get(owner.uid)?.object.metadata?.finalizers?.includes(foregroundFinalizer) === true) {
            enqueue(owner.uid);
          }
        }
      };
      const follow = ({ type, informer }: Monitored): void => {
        for (const object of informer.list()) graph.set(type, object);
        ends.push(
          informer.on(({ type: event, object, previous }) => {
            const uid = object.metadata?.uid ?? '';
            if (event === 'deleted') {
              const dependents = graph.dependentsOf(uid);
              // First of all, since a key that is queued may be looked at before this returns.
              graph.delete(uid);
              for (const { object: dependent } of dependents) enqueue(dependent.metadata?.uid ?? '');
              concern(object);
            } else {
              graph.set(type, object);
              // Leases and statuses change all the time, owners rarely.
              const same = previous !== undefined && sameOwnership(previous, object);
              if (same) return;
              if (needsAttention(object)) concern(object);
              // An owner that it let go of may have waited for that.
              if (previous !== undefined) concern(previous);
            }
          }),
        );
      };
      for (const entry of monitor.monitored) follow(entry);
      ends.push(monitor.onAdded(follow));
      for (const uid of graph.uids()) if (needsAttention(graph.get(uid)?.object)) enqueue(uid);
      return () => {
        for (const end of ends) end();
      };
    },
  };
}

/** True when nothing changed that the collector decides by. */
export function sameOwnership({ metadata: a }: OwnedMetadata, { metadata: b }: OwnedMetadata): boolean {
  return (
    a?.uid === b?.uid &&
    a?.deletionTimestamp === b?.deletionTimestamp &&
    sameValue(a?.ownerReferences, b?.ownerReferences) &&
    sameValue(a?.finalizers, b?.finalizers)
  );
}

function needsAttention(object: OwnedMetadata | undefined): boolean {
  const { ownerReferences = [], deletionTimestamp } = object?.metadata ?? {};
  return ownerReferences.length > 0 || deletionTimestamp !== undefined;
}

async function sync(
  context: LoopContext,
  monitor: ResourceMonitor,
  graph: OwnershipGraph,
  uid: string,
): Promise<void> {
  const node = graph.get(uid);
  if (node === undefined) return;
  const owners = new Map<string, OwnerState>();
  for (const owner of node.object.metadata?.ownerReferences ?? []) {
    const state = await ownerState(context, await monitor.get(), graph, node, owner);
    if (state !== undefined) owners.set(owner.uid, state);
  }
  const dependents = dependentsIn(graph, node).map(({ object }) => object);
  for (const action of decide({ object: node.object, owners, dependents })) {
    await perform(context, monitor, graph, node, action);
  }
}

/** Those that may be owned: an object of another namespace that names this one as its owner is none of its own. */
function dependentsIn(graph: OwnershipGraph, owner: GraphNode): GraphNode[] {
  const { uid = '', namespace } = owner.object.metadata ?? {};
  return graph
    .dependentsOf(uid)
    .filter(({ object }) => !owner.type.namespaced || object.metadata?.namespace === namespace);
}

/** Undefined when the owner's kind is not served: then nothing is known, and nothing is done. */
async function ownerState(
  { client, recorder }: LoopContext,
  served: readonly ServedResource[],
  graph: OwnershipGraph,
  dependent: GraphNode,
  owner: OwnerReference,
): Promise<OwnerState | undefined> {
  const { namespace: home } = dependent.object.metadata ?? {};
  const known = graph.get(owner.uid);
  if (known !== undefined && isWhere(known, owner, home)) return stateOf(known.object);
  const type =
    served.find((candidate) => ownerTypeKey(candidate) === `${owner.apiVersion} ${owner.kind}`) ??
    served.find(({ group, kind }) => kind === owner.kind && group === groupOf(owner.apiVersion));
  if (type === undefined) return undefined;
  const namespace = type.namespaced ? home : undefined;
  if (type.namespaced && (namespace === undefined || known !== undefined)) {
    const where = namespace === undefined ? 'outside of namespaces' : `in namespace ${namespace}`;
    const message = `owner ${owner.kind} ${owner.name} (uid ${owner.uid}) does not exist ${where}`;
    recorder.event(dependent.object, 'Warning', 'OwnerRefInvalidNamespace', message);
  }
  // A cluster-scoped object cannot be owned by a namespaced one: there is nowhere to look.
  if (type.namespaced && namespace === undefined) return undefined;
  try {
    const found = await client.get(type, { namespace, name: owner.name });
    return found.metadata?.uid === owner.uid ? stateOf(found) : 'absent';
  } catch (error) {
    if (isNotFound(error)) return 'absent';
    throw error;
  }
}

/** True when an object is what a reference from a namespace names: of that kind and name, and reachable from there. */
function isWhere({ type, object }: GraphNode, owner: OwnerReference, namespace: string | undefined): boolean {
  if (type.kind !== owner.kind || type.group !== groupOf(owner.apiVersion)) return false;
  if (object.metadata?.name !== owner.name) return false;
  return !type.namespaced || object.metadata.namespace === namespace;
}

function stateOf({ metadata }: OwnedMetadata): OwnerState {
  const waiting =
    metadata?.deletionTimestamp !== undefined && metadata.finalizers?.includes(foregroundFinalizer) === true;
  return waiting ? 'waiting' : 'solid';
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

async function perform(
  context: LoopContext,
  monitor: ResourceMonitor,
  graph: OwnershipGraph,
  node: GraphNode,
  action: CollectorAction,
): Promise<void> {
  const { client, term } = context;
  const { type, object } = node;
  switch (action.type) {
    case 'delete':
      // Something in a circle must not wait for the others, or all would for ever.
      if (dependentsIn(graph, node).some((next) => stateOf(next.object) === 'waiting'))
        await unblockOwners(context, node);
      await remove(context, node, action.policy);
      return;
    case 'deleteDependents':
      // Each says for itself: one with another owner stays.
      for (const { metadata } of action.dependents) await sync(context, monitor, graph, metadata?.uid ?? '');
      return;
    case 'orphanDependents':
      for (const { metadata } of action.dependents) {
        const dependent = graph.get(metadata?.uid ?? '');
        if (dependent !== undefined) await dropOwners(context, dependent, [object.metadata?.uid ?? '']);
      }
      return;
    case 'dropOwners':
      await dropOwners(context, node, action.uids);
      return;
    case 'removeFinalizer': {
      const { resourceVersion, uid } = object.metadata ?? {};
      const finalizers = (object.metadata?.finalizers ?? []).filter((name) => name !== action.finalizer);
      const patch = { metadata: { uid, resourceVersion, finalizers } };
      await tolerateGone(client.patch(type, keyOfNode(node), 'merge', patch, term.write));
      return;
    }
    default:
      action satisfies never;
  }
}

async function remove(
  { client, term }: LoopContext,
  node: GraphNode,
  propagationPolicy: 'Background' | 'Foreground',
): Promise<void> {
  const { uid } = node.object.metadata ?? {};
  const preconditions = uid === undefined ? {} : { preconditions: { uid } };
  const options = { ...term.write, propagationPolicy, ...preconditions };
  try {
    await tolerateGone(client.delete(node.type, keyOfNode(node), options));
  } catch (error) {
    // Another object has the name by now; the one that was meant is gone.
    if (!isConflict(error)) throw error;
  }
}

async function dropOwners(
  { client, term }: LoopContext,
  node: GraphNode,
  uids: readonly string[],
): Promise<void> {
  const { uid, resourceVersion, ownerReferences = [] } = node.object.metadata ?? {};
  const left = ownerReferences.filter((owner) => !uids.includes(owner.uid));
  const patch = { metadata: { uid, resourceVersion, ownerReferences: left } };
  await tolerateGone(client.patch(node.type, keyOfNode(node), 'merge', patch, term.write));
}

/** Lets the owners of an object go without waiting for it. */
async function unblockOwners({ client, term }: LoopContext, node: GraphNode): Promise<void> {
  const { uid, resourceVersion, ownerReferences = [] } = node.object.metadata ?? {};
  if (ownerReferences.every(({ blockOwnerDeletion }) => blockOwnerDeletion !== true)) return;
  const unblocked = ownerReferences.map((owner) => ({ ...owner, blockOwnerDeletion: false }));
  const patch = { metadata: { uid, resourceVersion, ownerReferences: unblocked } };
  await tolerateGone(client.patch(node.type, keyOfNode(node), 'merge', patch, term.write));
}

async function tolerateGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function keyOfNode({ object }: GraphNode): { namespace: string | undefined; name: string } {
  return { namespace: object.metadata?.namespace, name: object.metadata?.name ?? '' };
}
