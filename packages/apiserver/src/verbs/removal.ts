/**
 * What a deletion does to an object, and when an update lets one go that was only marked: pure.
 *
 * A pod on a node is given time. That time can be shortened and never lengthened, is counted from the first deletion,
 * and whoever is asked to end the pod alone says that it has ended: until then a deletion changes nothing else.
 */
import type { DeleteOptions, Namespace, ObjectMeta, Pod } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import type { Decision } from '../pipeline/mutate.ts';
import { timestamp } from '../timestamp.ts';

export const foreground = 'foregroundDeletion';
export const orphan = 'orphan';
/** What a deletion comes to that was asked for less than no time; upstream's. */
const leastSeconds = 1;

/** Changes `object` into what is written. `now` in milliseconds since the epoch. */
export function decideRemoval(
  object: ApiObject,
  options: DeleteOptions,
  now: number,
):
  | Exclude<Decision, { readonly action: 'remove' }>
  | { readonly action: 'remove'; readonly last?: ApiObject } {
  const metadata = (object.metadata ??= {});
  const isPod = object.kind === 'Pod';
  const end = isPod ? endGracefully(object, metadata, options, now) : 'at once';
  // The time runs: not even what becomes of dependents can be said anew.
  if (end === 'pending') return { action: 'keep' };
  // Definitions end by their own finalizer alone.
  const isDefinition = object.kind === 'CustomResourceDefinition';
  const before = metadata.finalizers ?? [];
  const finalizers = isDefinition ? [...before] : withPropagation(before, options);
  const isHeld = finalizers.length > 0 || hasContent(object);
  if (!isHeld && (end === 'at once' || metadata.deletionGracePeriodSeconds === 0))
    return isPod ? { action: 'remove', last: object } : { action: 'remove' };
  if (end === 'at once') {
    const isMarked = metadata.deletionTimestamp !== undefined;
    if (isMarked && finalizers.join() === before.join()) return { action: 'keep' };
    mark(object, metadata, isDefinition, now);
  }
  if (finalizers.length === 0) delete metadata.finalizers;
  else metadata.finalizers = finalizers;
  if (object.kind === 'Namespace') {
    const namespace = object as Namespace;
    namespace.status = { ...namespace.status, phase: 'Terminating' };
  }
  return { action: 'put', object };
}

/** True when an update leaves nothing that keeps a deleted object: by the grace that it had, whatever the update says. */
export function isReleased(object: ApiObject, old: ApiObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = old.metadata ?? {};
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds !== 0) return false;
  return (object.metadata?.finalizers ?? []).length === 0 && !hasContent(object);
}

/** For what nobody is given time to end. */
function mark(object: ApiObject, metadata: ObjectMeta, isDefinition: boolean, now: number): void {
  const isFirst = metadata.deletionTimestamp === undefined;
  metadata.deletionTimestamp ??= timestamp(now);
  // The end of a definition is not one that anything waits out.
  if (isDefinition) return;
  // Namespaces end in their own time.
  if (object.kind !== 'Namespace') metadata.deletionGracePeriodSeconds = 0;
  if (isFirst) countEnd(metadata);
}

/** The end of an object counts as a change of what is wanted, once. */
function countEnd(metadata: ObjectMeta): void {
  if ((metadata.generation ?? 0) > 0) metadata.generation = (metadata.generation ?? 0) + 1;
}

/**
 * Gives a pod its time, in `metadata`, or less of what it has left. `pending`: it has its time already, and is not asked
 * to end sooner; `at once`: its time is over.
 */
function endGracefully(
  { spec, status }: Pod,
  metadata: ObjectMeta,
  options: DeleteOptions,
  now: number,
): 'gracefully' | 'pending' | 'at once' {
  const asked = options.gracePeriodSeconds === undefined ? undefined : inTime(options.gracePeriodSeconds);
  const { deletionTimestamp } = metadata;
  if (deletionTimestamp === undefined) {
    const runs = (spec?.nodeName ?? '') !== '' && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
    const grace = runs ? (asked ?? inTime(spec?.terminationGracePeriodSeconds ?? 0)) : 0;
    metadata.deletionTimestamp = timestamp(now + grace * 1_000);
    metadata.deletionGracePeriodSeconds = grace;
    countEnd(metadata);
    return 'gracefully';
  }
  const given = inTime(metadata.deletionGracePeriodSeconds ?? 0);
  if (given === 0) return 'at once';
  if (asked === undefined || asked >= given) return 'pending';
  const sooner = Date.parse(deletionTimestamp) + (asked - given) * 1_000;
  metadata.deletionTimestamp = timestamp(Math.max(now, sooner));
  // Even when all of it is over, whoever ends the pod is to hear of it before the pod goes.
  metadata.deletionGracePeriodSeconds = sooner < now ? Math.min(asked, leastSeconds) : asked;
  return 'gracefully';
}

function inTime(seconds: number): number {
  return seconds < 0 ? leastSeconds : seconds;
}

/** A namespace goes only when its own finalizers have been taken off by `finalize`. */
function hasContent(object: ApiObject): boolean {
  return object.kind === 'Namespace' && ((object as Namespace).spec?.finalizers ?? []).length > 0;
}

function withPropagation(finalizers: readonly string[], options: DeleteOptions): string[] {
  const policy =
    options.propagationPolicy ??
    (options.orphanDependents === undefined ? undefined : options.orphanDependents ? 'Orphan' : 'Background');
  if (policy === undefined) return [...finalizers];
  const others = finalizers.filter((name) => name !== foreground && name !== orphan);
  if (policy === 'Foreground') return [...others, foreground];
  return policy === 'Orphan' ? [...others, orphan] : others;
}
