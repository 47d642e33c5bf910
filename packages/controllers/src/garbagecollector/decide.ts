/**
 * What becomes of one object, seen from its owners and its dependents, by upstream's rules for background,
 * foreground and orphaning deletion. Pure.
 */
import type { OwnedMetadata } from '../discovery.ts';

export const foregroundFinalizer = 'foregroundDeletion';
const orphanFinalizer = 'orphan';

/** `solid`: exists; `waiting`: is itself being deleted in the foreground; `absent`: certainly gone. */
export type OwnerState = 'solid' | 'waiting' | 'absent';

export interface CollectorState {
  readonly object: OwnedMetadata;
  /** By the owner's uid. */
  readonly owners: ReadonlyMap<string, OwnerState>;
  readonly dependents: readonly OwnedMetadata[];
}

export type CollectorAction =
  | { readonly type: 'deleteDependents'; readonly dependents: readonly OwnedMetadata[] }
  | { readonly type: 'orphanDependents'; readonly dependents: readonly OwnedMetadata[] }
  | { readonly type: 'removeFinalizer'; readonly finalizer: string }
  | { readonly type: 'dropOwners'; readonly uids: readonly string[] }
  | { readonly type: 'delete'; readonly policy: 'Background' | 'Foreground' };

export function decide({ object, owners, dependents }: CollectorState): CollectorAction[] {
  const { finalizers = [], deletionTimestamp, uid = '' } = object.metadata ?? {};
  if (deletionTimestamp !== undefined) return deciding(finalizers, uid, dependents);
  const references = object.metadata?.ownerReferences ?? [];
  if (references.length === 0) return [];
  const by = (state: OwnerState): string[] =>
    references.filter((owner) => owners.get(owner.uid) === state).map((owner) => owner.uid);
  const unknown = references.some((owner) => owners.get(owner.uid) === undefined);
  const dangling = [...by('absent'), ...by('waiting')];
  if (by('solid').length > 0 || unknown) {
    return dangling.length > 0 && !unknown ? [{ type: 'dropOwners', uids: dangling }] : [];
  }
  // An owner that waits for its dependents wants them gone all the way down before it goes.
  const policy = by('waiting').length > 0 && dependents.length > 0 ? 'Foreground' : 'Background';
  return [{ type: 'delete', policy }];
}

function deciding(
  finalizers: readonly string[],
  uid: string,
  dependents: readonly OwnedMetadata[],
): CollectorAction[] {
  if (finalizers.includes(orphanFinalizer)) {
    const orphan: CollectorAction[] =
      dependents.length === 0 ? [] : [{ type: 'orphanDependents', dependents }];
    return [...orphan, { type: 'removeFinalizer', finalizer: orphanFinalizer }];
  }
  if (!finalizers.includes(foregroundFinalizer)) return [];
  const blocking = dependents.filter((dependent) =>
    dependent.metadata?.ownerReferences?.some(
      (owner) => owner.uid === uid && owner.blockOwnerDeletion === true,
    ),
  );
  if (blocking.length === 0) return [{ type: 'removeFinalizer', finalizer: foregroundFinalizer }];
  const living = dependents.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  return living.length === 0 ? [] : [{ type: 'deleteDependents', dependents: living }];
}
