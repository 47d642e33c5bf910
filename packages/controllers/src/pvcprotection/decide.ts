/** Whether a claim keeps its finalizer: as long as a pod with a node is there that has it as a volume. Pure. */
import type { PersistentVolumeClaim, Pod } from '@timonier/api';

export const finalizer = 'kubernetes.io/pvc-protection';

export type ClaimDecision = 'keep' | 'add' | 'remove';

/** `pods` are those of the claim's namespace. */
export function decide(claim: PersistentVolumeClaim, pods: Iterable<Pod>): ClaimDecision {
  const { deletionTimestamp, finalizers = [] } = claim.metadata ?? {};
  const isProtected = finalizers.includes(finalizer);
  if (deletionTimestamp === undefined) return isProtected ? 'keep' : 'add';
  if (!isProtected) return 'keep';
  for (const pod of pods) if (uses(pod, claim)) return 'keep';
  return 'remove';
}

/** The names of the claims that a pod has as volumes; those made for the pod itself among them. */
export function claimsOf(pod: Pod): string[] {
  return (pod.spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [`${pod.metadata?.name ?? ''}-${name}`];
  });
}

function uses(pod: Pod, { metadata }: PersistentVolumeClaim): boolean {
  // A pod without a node cannot start with a claim that is being deleted.
  if ((pod.spec?.nodeName ?? '') === '') return false;
  const name = metadata?.name ?? '';
  return (pod.spec?.volumes ?? []).some((volume) => {
    if (volume.persistentVolumeClaim?.claimName === name) return true;
    if (volume.ephemeral === undefined || `${pod.metadata?.name ?? ''}-${volume.name}` !== name) return false;
    const isOwn = (metadata?.ownerReferences ?? []).some(
      ({ uid, controller }) => controller === true && uid === pod.metadata?.uid,
    );
    return isOwn && !isShutDown(pod);
  });
}

/** Deleted, and nothing of it runs any more. */
function isShutDown({ metadata, status }: Pod): boolean {
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  return (
    metadata?.deletionTimestamp !== undefined &&
    metadata.deletionGracePeriodSeconds === 0 &&
    statuses.every(({ state }) => state?.running === undefined)
  );
}
