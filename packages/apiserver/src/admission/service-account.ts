/**
 * ServiceAccount: a pod runs as an account of its namespace that exists, `default` when it names none, and gets that
 * account's pull secrets and token. A mirror pod has no account, and no Secrets and tokens either: a node, which makes
 * them, would come by what is not its own. What webhooks made of a pod is looked at again.
 */
import type { Pod, ServiceAccount } from '@timonier/api';
import { isMirrorPod, secretsOf } from '../authorization/pod-references.ts';
import { readCurrent } from '../pipeline/read-current.ts';
import { cachedObject } from './cached.ts';
import { beyondMountable, isLimited } from './mountable-secrets.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './request.ts';
import { mountToken } from './token-volume.ts';

const prefix = 'serviceaccounts';

export const serviceAccount: AdmissionPlugin = {
  name: 'ServiceAccount',
  operations: ['CREATE', 'UPDATE'],
  resources: ['/pods', '/pods/ephemeralcontainers'],
  async admit(request) {
    const pod = request.object as Pod;
    const { spec } = pod;
    if (spec === undefined || request.operation !== 'CREATE') return;
    if (isMirrorPod(pod)) {
      checkMirrorPod(request, pod);
      return;
    }
    const asked = spec.serviceAccountName ?? '';
    const name = asked === '' ? 'default' : asked;
    spec.serviceAccountName = name;
    // The deprecated name of the same field.
    spec.serviceAccount = name;
    const account = await accountOf(request, name);
    const mounts = spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
    if (mounts && request.context.server.tokens !== undefined) mountToken(spec);
    if ((spec.imagePullSecrets ?? []).length === 0 && account.imagePullSecrets !== undefined)
      spec.imagePullSecrets = account.imagePullSecrets.map((reference) => ({ ...reference }));
  },
  async validate(request) {
    const pod = request.object as Pod;
    const isDebugging = request.context.target.subresource === 'ephemeralcontainers';
    if (pod.spec === undefined || (request.operation === 'UPDATE' && !isDebugging)) return;
    if (!isDebugging && isMirrorPod(pod)) {
      checkMirrorPod(request, pod);
      return;
    }
    const name = pod.spec.serviceAccountName ?? '';
    if (name === '')
      throw refusal(
        request,
        `no service account specified for pod ${request.context.target.namespace}/${pod.metadata?.name ?? ''}`,
      );
    const account = await accountOf(request, name);
    if (!isLimited(account)) return;
    const beyond = beyondMountable(account, pod, isDebugging ? ['ephemeralContainers'] : undefined);
    if (beyond !== undefined) throw refusal(request, beyond);
  },
};

function checkMirrorPod(request: AdmissionRequest, pod: Pod): void {
  if ((pod.spec?.serviceAccountName ?? '') !== '')
    throw refusal(request, 'a mirror pod may not reference service accounts');
  if (secretsOf(pod).size > 0) throw refusal(request, 'a mirror pod may not reference secrets');
  const sources = (pod.spec?.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  if (sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined))
    throw refusal(request, 'a mirror pod may not use ServiceAccountToken volume projections');
}

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
