/** The rules of the volumes of a pod: each has one source, and each source what it needs. */
import type {
  CSIVolumeSource,
  DownwardAPIVolumeSource,
  EmptyDirVolumeSource,
  EphemeralVolumeSource,
  ImageVolumeSource,
  KeyToPath,
  Volume,
} from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain } from '../names.ts';
import { compareQuantities } from '../quantity.ts';
import { checkName, invalidBy } from './checks.ts';
import { pullPolicy } from './container.ts';
import { duplicate, forbidden, invalid, required, type FieldError } from './field-error.ts';
import { validateTemplateMetadata } from './metadata.ts';
import { claimSpec } from './persistent-claims.ts';
import { projection } from './projected-volumes.ts';
import { downwardFile, fileMode, keyToPath } from './volume-files.ts';
import { driverName, oneSource, podSources, type SourceKind } from './volume-sources.ts';

/**
 * `podName` is that of the pod, where there is one: claims of its own are named after it. Volumes with something wrong
 * are not there for what mounts them, nor are they for upstream.
 */
export function validateVolumes(
  list: readonly Volume[],
  path: string,
  podName: string | undefined,
): { errors: FieldError[]; volumes: Map<string, Volume> } {
  const volumes = new Map<string, Volume>();
  const errors: FieldError[] = [];
  const own = new Set(
    podName
      ? list.filter(({ ephemeral }) => ephemeral !== undefined).map(({ name }) => `${podName}-${name}`)
      : [],
  );
  for (const [i, volume] of list.entries()) {
    const at = `${path}[${i}]`;
    const found = [
      ...oneSource(volume, podName === undefined ? sourcesOfTemplates : sourcesOfPods, at, volume.name),
      ...ownClaim(volume, podName, at),
      ...checkName(`${at}.name`, volume.name, checkDns1123Label),
    ];
    if (volumes.has(volume.name)) found.push(duplicate(`${at}.name`, volume.name));
    if (found.length === 0) volumes.set(volume.name, volume);
    errors.push(...found);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim !== undefined && own.has(claim))
      errors.push(
        invalid(
          `${at}.persistentVolumeClaim.claimName`,
          claim,
          'must not reference a PVC that gets created for an ephemeral volume',
        ),
      );
  }
  return { errors, volumes };
}

function ownClaim({ name, ephemeral }: Volume, podName: string | undefined, at: string): FieldError[] {
  if (ephemeral === undefined || !podName || !name) return [];
  const claim = `${podName}-${name}`;
  return checkDns1123Subdomain(claim).map((text) =>
    invalid(`${at}.name`, name, `PVC name ${JSON.stringify(claim)}: ${text}`),
  );
}

interface Keyed {
  readonly items?: readonly KeyToPath[];
  readonly defaultMode?: number;
}

function keyed(nameField: 'name' | 'secretName') {
  return (source: Keyed & { name?: string; secretName?: string }, at: string): FieldError[] => [
    ...(source[nameField] ? [] : [required(`${at}.${nameField}`)]),
    ...fileMode(`${at}.defaultMode`, source.defaultMode),
    ...(source.items ?? []).flatMap((item, i) => keyToPath(item, `${at}.items[${i}]`)),
  ];
}

function downward({ items = [], defaultMode }: DownwardAPIVolumeSource, at: string): FieldError[] {
  return [...fileMode(`${at}.defaultMode`, defaultMode), ...items.flatMap((file) => downwardFile(file, at))];
}

function emptyDir({ sizeLimit }: EmptyDirVolumeSource, at: string): FieldError[] {
  return sizeLimit !== undefined && compareQuantities(sizeLimit, '0') < 0
    ? [forbidden(`${at}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
    : [];
}

function csi({ driver, nodePublishSecretRef: secret }: CSIVolumeSource, at: string): FieldError[] {
  const errors = driverName(`${at}.driver`, driver);
  if (secret === undefined) return errors;
  if (!secret.name) errors.push(required(`${at}.nodePublishSecretRef.name`));
  else errors.push(...invalidBy(checkDns1123Subdomain(secret.name), `${at}.name`, secret.name));
  return errors;
}

function ephemeral({ volumeClaimTemplate: template }: EphemeralVolumeSource, at: string): FieldError[] {
  const field = `${at}.volumeClaimTemplate`;
  if (template === undefined) return [required(field)];
  const errors = validateTemplateMetadata(template.metadata ?? {}, `${field}.metadata`);
  for (const [name, value] of Object.entries(template.metadata ?? {}))
    if (value !== undefined && name !== 'labels' && name !== 'annotations')
      errors.push(forbidden(`${field}.metadata.${name}`, 'cannot be set'));
  return [...errors, ...claimSpec(template.spec ?? {}, `${field}.spec`)];
}

function image(isPod: boolean) {
  return ({ reference, pullPolicy: policy }: ImageVolumeSource, at: string): FieldError[] => [
    ...(isPod && !reference ? [required(`${at}.reference`)] : []),
    ...pullPolicy(`${at}.pullPolicy`, policy),
  ];
}

/** In upstream's order. Templates may leave out which image, for somebody to fill in. */
function sources(isPod: boolean): readonly SourceKind[] {
  return [
    { name: 'emptyDir', rule: emptyDir },
    podSources.hostPath,
    podSources.gitRepo,
    podSources.gce,
    podSources.aws,
    { name: 'secret', rule: keyed('secretName') },
    podSources.nfs,
    podSources.iscsi,
    podSources.glusterfs,
    podSources.flocker,
    podSources.claim,
    podSources.rbd,
    podSources.cinder,
    podSources.cephfs,
    podSources.quobyte,
    { name: 'downwardAPI', extra: 'downwarAPI', rule: downward },
    podSources.fc,
    podSources.flex,
    { name: 'configMap', rule: keyed('name') },
    podSources.azureFile,
    podSources.vsphere,
    podSources.photon,
    podSources.portworx,
    podSources.azureDisk,
    podSources.storageOs,
    { name: 'projected', rule: projection },
    podSources.scaleIo,
    { name: 'csi', rule: csi },
    { name: 'ephemeral', rule: ephemeral },
    { name: 'image', rule: image(isPod) },
  ];
}

const sourcesOfPods = sources(true);
const sourcesOfTemplates = sources(false);
