/**
 * Who owns a claim, so that garbage collection removes it when it should go: the set, when claims go with the set; the
 * pod, when claims go with pods that are too many. Pure.
 */
import type { PersistentVolumeClaim, Pod, StatefulSet } from '@timonier/api';
import { sameValue } from '../equality.ts';
import type { OwnerLike } from '../owner.ts';
import { ownerReferenceTo } from '../pod-control.ts';
import { isWanted, ordinalOf, ownerOf } from './identity.ts';

/** The claim with the owners that it should have; undefined when it has them, or is somebody else's. */
export function rightlyOwned(
  set: StatefulSet,
  pod: Pod,
  claim: PersistentVolumeClaim,
): PersistentVolumeClaim | undefined {
  const owners: readonly OwnerLike[] = claim.metadata?.ownerReferences ?? [];
  const [ofSet, ofPod] = [
    ownerReferenceTo(ownerOf(set)),
    ownerReferenceTo({ object: pod, apiVersion: 'v1', kind: 'Pod' }),
  ];
  // It was of one that had this name before, and may go with it at any moment.
  if ([ofSet, ofPod].some((one) => owners.some((owner) => isStale(owner, one)))) return undefined;
  const others = owners.filter(({ uid }) => uid !== ofSet.uid && uid !== ofPod.uid);
  const { whenDeleted, whenScaled } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {};
  const ordinal = ordinalOf(set, pod);
  const surplus = ordinal === undefined || !isWanted(set, ordinal);
  const withPod = whenScaled === 'Delete' && surplus;
  const withSet = whenDeleted === 'Delete' && !withPod;
  const ours = [...(withSet ? [ofSet] : []), ...(withPod ? [ofPod] : [])];
  const wanted = others.some(({ controller }) => controller === true) ? others : [...others, ...ours];
  if (sameValue(wanted, owners)) return undefined;
  return { ...claim, metadata: { ...claim.metadata, ownerReferences: [...wanted] } };
}

/** Of the same kind and name, but another object. */
export function isStale(owner: OwnerLike, now: OwnerLike): boolean {
  return owner.kind === now.kind && owner.name === now.name && owner.uid !== now.uid;
}
