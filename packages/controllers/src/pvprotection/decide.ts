/** Whether a volume keeps its finalizer: as long as it is bound to a claim. Pure. */
import type { PersistentVolume } from '@timonier/api';

export const finalizer = 'kubernetes.io/pv-protection';

export function decide({ metadata, status }: PersistentVolume): 'keep' | 'add' | 'remove' {
  const isProtected = metadata?.finalizers?.includes(finalizer) === true;
  if (metadata?.deletionTimestamp === undefined) return isProtected ? 'keep' : 'add';
  return isProtected && status?.phase !== 'Bound' ? 'remove' : 'keep';
}
