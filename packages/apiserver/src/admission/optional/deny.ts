/** AlwaysDeny: nothing changes any more; deprecated upstream, and still of use to freeze a cluster. */
import { type AdmissionPlugin, refusal } from '../request.ts';

export const alwaysDeny: AdmissionPlugin = {
  name: 'AlwaysDeny',
  isOffByDefault: true,
  operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
  validate(request) {
    throw refusal(request, 'admission control is denying all modifications');
  },
};
