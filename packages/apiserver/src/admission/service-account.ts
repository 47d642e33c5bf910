/**
 * ServiceAccount: a pod runs as an account of its namespace that exists, `default` when it names none, and gets that
 * account's pull secrets and token. A mirror pod may have neither.
 */
import type { Pod, ServiceAccount } from '@timonier/api';
import { readCurrent } from '../pipeline/read-current.ts';
import { cachedObject } from './cached.ts';
import { isMirrorPod } from './mirror-pods.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './request.ts';
import { mountToken } from './token-volume.ts';

const prefix = 'serviceaccounts';

export const serviceAccount: AdmissionPlugin = {
  name: 'ServiceAccount',
  operations: ['CREATE'],
  resources: ['/pods'],
  async admit(request) {
    const pod = request.object as Pod;
    const { spec } = pod;
    if (spec === undefined) return;
    if (isMirrorPod(request)) {
      if ((spec.serviceAccountName ?? '') !== '')
        throw refusal(request, 'a mirror pod may not reference service accounts');
      return;
    }
    const asked = spec.serviceAccountName ?? '';
    const name = asked === '' ? 'default' : asked;
    spec.serviceAccountName = name;
    // The deprecated name of the same field.
    spec.serviceAccount = name;
    const account = await accountOf(request, name);
    if (spec.imagePullSecrets === undefined && account.imagePullSecrets !== undefined)
      spec.imagePullSecrets = account.imagePullSecrets.map((reference) => ({ ...reference }));
    const mounts = spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
    if (mounts && request.context.server.tokens !== undefined) mountToken(spec);
  },
};

/** The cache may not know a new account yet, so its "no" is checked with the store. */
async function accountOf(request: AdmissionRequest, name: string): Promise<Readonly<ServiceAccount>> {
  const { server, target } = request.context;
  const cached = cachedObject<ServiceAccount>(server, prefix, target.namespace, name);
  if (cached !== undefined) return cached;
  const info = server.registry.lookup('', 'v1', 'serviceaccounts');
  const key = `${server.root}${prefix}/${target.namespace}/${name}`;
  const stored = info && (await readCurrent(server, info, key));
  if (stored === undefined)
    throw refusal(
      request,
      `error looking up service account ${target.namespace}/${name}: serviceaccount "${name}" not found`,
    );
  return stored.object();
}
