/**
 * What a pod names of other objects of its namespace: by this a node may read them, and because of this a mirror pod may
 * name none. As upstream's `VisitPodSecretNames` and its kin. Pure.
 */
import type { Container, EphemeralContainer, Pod, Volume, VolumeProjection } from '@timonier/api';

export interface PodReferences {
  readonly serviceaccounts: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  readonly configmaps: ReadonlySet<string>;
  readonly persistentvolumeclaims: ReadonlySet<string>;
  readonly resourceclaims: ReadonlySet<string>;
}

const mirror = 'kubernetes.io/config.mirror';

/** True for what shows a pod to the cluster that a node has from elsewhere. */
export function isMirrorPod({ metadata }: Pod): boolean {
  return metadata?.annotations?.[mirror] !== undefined;
}

export function referencesOf(pod: Pod): PodReferences {
  return {
    serviceaccounts: names([pod.spec?.serviceAccountName]),
    secrets: secretsOf(pod),
    configmaps: configMapsOf(pod),
    persistentvolumeclaims: names((pod.spec?.volumes ?? []).map((volume) => claimOf(pod, volume))),
    resourceclaims: names(resourceClaimsOf(pod)),
  };
}

export function secretsOf({ spec }: Pod): ReadonlySet<string> {
  return names([
    ...(spec?.imagePullSecrets ?? []).map(({ name }) => name),
    ...containersOf(spec).flatMap(({ env = [], envFrom = [] }) => [
      ...envFrom.map(({ secretRef }) => secretRef?.name),
      ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
    ]),
    ...(spec?.volumes ?? []).flatMap(secretsOfVolume),
  ]);
}

export function configMapsOf({ spec }: Pod): ReadonlySet<string> {
  return names([
    ...containersOf(spec).flatMap(({ env = [], envFrom = [] }) => [
      ...envFrom.map(({ configMapRef }) => configMapRef?.name),
      ...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
    ]),
    ...(spec?.volumes ?? []).flatMap(({ configMap, projected }) => [
      configMap?.name,
      ...(projected?.sources ?? []).map((source) => source.configMap?.name),
    ]),
  ]);
}

/** The claim behind a volume; one that comes and goes with the pod is named after both. */
export function claimOf({ metadata }: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName;
  return volume.ephemeral === undefined ? undefined : `${metadata?.name ?? ''}-${volume.name}`;
}

function secretsOfVolume(volume: Volume): (string | undefined)[] {
  return [
    volume.secret?.secretName,
    ...(volume.projected?.sources ?? []).map(({ secret }) => secret?.name),
    volume.azureFile?.secretName,
    volume.cephfs?.secretRef?.name,
    volume.cinder?.secretRef?.name,
    volume.flexVolume?.secretRef?.name,
    volume.rbd?.secretRef?.name,
    volume.scaleIO?.secretRef?.name,
    volume.iscsi?.secretRef?.name,
    volume.storageos?.secretRef?.name,
    volume.csi?.nodePublishSecretRef?.name,
  ];
}

/** A claim that is made for the pod stands in its status, once it is made. */
function resourceClaimsOf({ spec, status }: Pod): (string | undefined)[] {
  const made = new Map(
    (status?.resourceClaimStatuses ?? []).map(({ name, resourceClaimName }) => [name, resourceClaimName]),
  );
  return [
    ...(spec?.resourceClaims ?? []).map(({ name, resourceClaimName }) => resourceClaimName ?? made.get(name)),
    status?.extendedResourceClaimStatus?.resourceClaimName,
  ];
}

function containersOf(spec: Pod['spec']): readonly (Container | EphemeralContainer)[] {
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? []), ...(spec?.ephemeralContainers ?? [])];
}

function names(given: readonly (string | undefined)[]): ReadonlySet<string> {
  return new Set(given.filter((name) => name !== undefined && name !== '') as string[]);
}

/** Volumes that a node fills without asking the API server. */
const ownVolumes: readonly (keyof Volume)[] = [
  'awsElasticBlockStore',
  'azureDisk',
  'cephfs',
  'cinder',
  'downwardAPI',
  'emptyDir',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'gitRepo',
  'hostPath',
  'image',
  'iscsi',
  'nfs',
  'photonPersistentDisk',
  'portworxVolume',
  'quobyte',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
];

const askedVolumes: readonly (readonly [keyof Volume, string])[] = [
  ['configMap', 'configmaps (via configmap volumes)'],
  ['secret', 'secrets (via secret volumes)'],
  ['csi', 'csidrivers (via CSI volumes)'],
  ['glusterfs', 'endpoints (via glusterFS volumes)'],
  ['persistentVolumeClaim', 'persistentvolumeclaims'],
  ['ephemeral', 'persistentvolumeclaims (via ephemeral volumes)'],
  ['azureFile', 'secrets (via azureFile volumes)'],
];

const askedSources: readonly (readonly [keyof VolumeProjection, string])[] = [
  ['configMap', 'configmaps (via projected volumes)'],
  ['secret', 'secrets (via projected volumes)'],
  ['serviceAccountToken', 'serviceaccounts (via projected volumes)'],
  ['clusterTrustBundle', 'clustertrustbundles'],
  ['podCertificate', 'podcertificates'],
];

/** The first kind of object that a pod needs the API server for; undefined for none. Throws for what nobody knows. */
export function apiReferenceOf(pod: Pod): string | undefined {
  const { spec } = pod;
  if ((spec?.serviceAccountName ?? '') !== '') return 'serviceaccounts';
  if (secretsOf(pod).size > 0) return 'secrets';
  if (configMapsOf(pod).size > 0) return 'configmaps';
  if ((spec?.resourceClaims ?? []).length > 0) return 'resourceclaims';
  for (const volume of spec?.volumes ?? []) {
    if (ownVolumes.some((kind) => volume[kind] !== undefined)) continue;
    const asked = askedVolumes.find(([kind]) => volume[kind] !== undefined);
    if (asked !== undefined) return asked[1];
    if (volume.projected === undefined) throw new Error(`unknown volume type for volume  "${volume.name}"`);
    for (const source of volume.projected.sources ?? []) {
      const found = askedSources.find(([kind]) => source[kind] !== undefined);
      if (found !== undefined) return found[1];
      if (source.downwardAPI === undefined)
        throw new Error(`unknown source for projected volume "${volume.name}"`);
    }
  }
  return undefined;
}
