/**
 * Gives a pod its account's token: a projected volume with the token, the cluster's authority and the namespace, in
 * every container that does not mount something of its own there. Names and times are upstream's.
 */
import type { Container, PodSpec, Volume } from '@timonier/api';
import { generateName } from '../pipeline/prepare.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
const mode = 0o644;

/** Changes `spec`. */
export function mountToken(spec: PodSpec): void {
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
