/** Whether a class of volume attributes keeps its finalizer: as long as a claim or a volume names it. Pure. */
import type { PersistentVolume, PersistentVolumeClaim, VolumeAttributesClass } from '@timonier/api';

export const finalizer = 'kubernetes.io/vac-protection';

/** The classes that a claim names: the one it has, the one it wants, and the one it is on its way to. */
export function classesOfClaim({ spec, status }: PersistentVolumeClaim): string[] {
  return present([
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ]);
}

export function classesOfVolume({ spec }: PersistentVolume): string[] {
  return present([spec?.volumeAttributesClassName]);
}

export function decide(
  { metadata }: VolumeAttributesClass,
  isUsed: () => boolean,
): 'keep' | 'add' | 'remove' {
  const isProtected = metadata?.finalizers?.includes(finalizer) === true;
  if (metadata?.deletionTimestamp === undefined) return isProtected ? 'keep' : 'add';
  return isProtected && !isUsed() ? 'remove' : 'keep';
}

function present(names: readonly (string | undefined)[]): string[] {
  return [...new Set(names.filter((name) => name !== undefined && name !== ''))] as string[];
}
