/** DenyServiceExternalIPs: no Service takes addresses that it was not given by the cluster; what has some keeps them. */
import type { Service } from '@timonier/api';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from '../request.ts';

export const denyServiceExternalIps: AdmissionPlugin = {
  name: 'DenyServiceExternalIPs',
  isOffByDefault: true,
  operations: ['CREATE', 'UPDATE'],
  resources: ['/services', '/services/status'],
  validate(request) {
    const before = new Set(addressesOf(request.old));
    if (addressesOf(request.object).every((address) => before.has(address))) return;
    throw refusal(request, 'Use of external IPs is denied by admission control');
  },
};

function addressesOf(object: AdmissionRequest['object']): readonly string[] {
  return (object as unknown as Service | undefined)?.spec?.externalIPs ?? [];
}
