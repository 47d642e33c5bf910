/**
 * Gives a pod its account's token: a projected volume with the token, the cluster's authority and the namespace, in
 * every container that does not mount something of its own there. Names and times are upstream's.
 */
import { type Container, type Pod, type ServiceAccount, type Volume } from '@timonier/api';
import { generateName } from '../pipeline/prepare.ts';
import type { ServerState } from '../server-state.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
const mode = 0o644;

/** Changes `pod`. Without a key to sign with, or an account that is known yet, there is no token to mount. */
export function mountToken(pod: Pod, namespace: string, server: ServerState): void {
  const { spec } = pod;
  if (spec === undefined || server.tokens === undefined) return;
  const key = `${server.root}serviceaccounts/${namespace}/${spec.serviceAccountName ?? 'default'}`;
  const account = server.cache.resource('serviceaccounts').index.get(key)?.object() as
    | ServiceAccount
    | undefined;
  if (account === undefined) return;
  if (spec.imagePullSecrets === undefined && account.imagePullSecrets !== undefined)
    spec.imagePullSecrets = account.imagePullSecrets;
  if (!(spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)) return;
  const bare = [...spec.containers, ...(spec.initContainers ?? [])].filter(
    (container) => !hasMount(container),
  );
  if (bare.length === 0) return;
  const known = spec.volumes?.find(({ name }) => name.startsWith(volumePrefix));
  const volume = known ?? tokenVolume();
  if (known === undefined) spec.volumes = [...(spec.volumes ?? []), volume];
  for (const container of bare)
    container.volumeMounts = [
      ...(container.volumeMounts ?? []),
      { name: volume.name, readOnly: true, mountPath },
    ];
}

function hasMount({ volumeMounts }: Container): boolean {
  return volumeMounts?.some((mount) => mount.mountPath === mountPath) ?? false;
}

function tokenVolume(): Volume {
  return {
    name: generateName(volumePrefix),
    projected: {
      defaultMode: mode,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3_607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}
