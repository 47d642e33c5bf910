/** PersistentVolumeClaimResize: a bound claim may grow when its class says that its volumes can. */
import type { PersistentVolumeClaim, StorageClass } from '@timonier/api';
import { compareQuantities } from '@timonier/api/quantity';
import { cachedObject } from './cached.ts';
import { type AdmissionPlugin, refusal } from './request.ts';

export const claimResize: AdmissionPlugin = {
  name: 'PersistentVolumeClaimResize',
  operations: ['UPDATE'],
  resources: ['/persistentvolumeclaims'],
  validate(request) {
    const claim = request.object as PersistentVolumeClaim;
    const old = request.old as PersistentVolumeClaim;
    const asked = claim.spec?.resources?.requests?.['storage'];
    const before = old.spec?.resources?.requests?.['storage'];
    if (compareQuantities(asked, before) <= 0) return;
    if (old.status?.phase !== 'Bound')
      throw refusal(request, 'Only bound persistent volume claims can be expanded');
    const name = classOf(claim);
    const storageClass =
      name === '' || name !== classOf(old)
        ? undefined
        : cachedObject<StorageClass>(request.context.server, 'storageclasses', '', name);
    if (storageClass?.allowVolumeExpansion !== true)
      throw refusal(
        request,
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      );
  },
};

function classOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec?.storageClassName ?? '';
}
