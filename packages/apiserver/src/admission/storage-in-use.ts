/**
 * StorageObjectInUseProtection: claims, volumes and classes of their attributes are born with a finalizer, so that one that is
 * in use stays until it is not. The controllers `pvcprotection`, `pvprotection` and `vacprotection` take the finalizers off.
 */
import type { AdmissionPlugin } from './request.ts';

const finalizers: Readonly<Record<string, string>> = {
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
  persistentvolumes: 'kubernetes.io/pv-protection',
  volumeattributesclasses: 'kubernetes.io/vac-protection',
};

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  operations: ['CREATE'],
  resources: ['/persistentvolumeclaims', '/persistentvolumes', 'storage.k8s.io/volumeattributesclasses'],
  admit({ object, context }) {
    const finalizer = finalizers[context.target.info.resource];
    if (object === undefined || finalizer === undefined) return;
    const metadata = (object.metadata ??= {});
    if (metadata.finalizers?.includes(finalizer) !== true)
      metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
  },
};
