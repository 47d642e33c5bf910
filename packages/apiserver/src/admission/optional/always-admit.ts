/** AlwaysAdmit: says yes to everything, and so changes nothing; deprecated upstream, and still a name that is given. */
import type { AdmissionPlugin } from '../request.ts';

export const alwaysAdmit: AdmissionPlugin = { name: 'AlwaysAdmit', isOffByDefault: true, operations: [] };
