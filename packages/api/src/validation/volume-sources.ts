/**
 * The rules of where a volume's data is, for volumes of pods and persistent ones. Each kind of source is a function; the
 * two lists name them in upstream's order, which is also that of its errors. Most have not worked for years and are
 * still checked, for they are still stored.
 */
import type {
  AzureDiskVolumeSource,
  FCVolumeSource,
  FlockerVolumeSource,
  HostPathVolumeSource,
  ISCSIVolumeSource,
  QuobyteVolumeSource,
  SecretReference,
  StorageOSPersistentVolumeSource,
} from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain } from '../names.ts';
import { invalidBy } from './checks.ts';
import { forbidden, invalid, notSupported, required, tooLong, type FieldError } from './field-error.ts';
import { noBacksteps, relativePath } from './paths.ts';

/** Checks one source at its path; `owner` is the name of the volume. */
type SourceRule = (source: never, at: string, owner: string) => FieldError[];

/** A source, how upstream calls it where there is one too many, and how where something of it is wrong. */
export interface SourceKind {
  readonly name: string;
  readonly extra?: string;
  readonly path?: string;
  /** True for one that may stand beside others. */
  readonly isBeside?: boolean;
  readonly rule: SourceRule;
}

export const ONE_SOURCE = 'may not specify more than 1 volume type';

/** One source of the kinds there are: no more, and no less. */
export function oneSource(
  given: object,
  kinds: readonly SourceKind[],
  at: string,
  owner: string,
): FieldError[] {
  const sources = given as Readonly<Record<string, unknown>>;
  const errors: FieldError[] = [];
  let isFirst = true;
  for (const { name, extra = name, path = name, isBeside = false, rule } of kinds) {
    const source = sources[name];
    if (source === undefined) continue;
    if (isFirst || isBeside) errors.push(...rule(source as never, `${at}.${path}`, owner));
    else errors.push(forbidden(`${at}.${extra}`, ONE_SOURCE));
    isFirst = false;
  }
  if (isFirst) errors.push(required(at, 'must specify a volume type'));
  return errors;
}

/** A source of which nothing is asked but that some fields are there. */
export function needs(...fields: readonly string[]): SourceRule {
  return (source: Readonly<Record<string, unknown>>, at) =>
    fields.flatMap((field) => {
      const value = source[field];
      const isEmpty = value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
      return isEmpty ? [required(`${at}.${field}`)] : [];
    });
}

export function all(...rules: readonly SourceRule[]): SourceRule {
  return (source, at, owner) => rules.flatMap((rule) => rule(source, at, owner));
}

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

function hostPath({ path, type }: HostPathVolumeSource, at: string): FieldError[] {
  if (!path) return [required(`${at}.path`)];
  const errors = noBacksteps(`${at}.path`, path);
  if (type !== undefined && !HOST_PATH_TYPES.includes(type))
    errors.push(notSupported(`${at}.type`, type, HOST_PATH_TYPES));
  return errors;
}

function partition({ partition: value = 0 }: { partition?: number }, at: string): FieldError[] {
  return value >= 0 && value <= 255
    ? []
    : [invalid(`${at}.partition`, value, 'must be between 1 and 255, inclusive')];
}

function absolutePath({ path = '' }: { path?: string }, at: string): FieldError[] {
  return path.startsWith('/') ? [] : [invalid(`${at}.path`, path, 'must be an absolute path')];
}

const INITIATORS: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([A-Za-z0-9.-]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[A-Za-z0-9]{16}$/,
  naa: /^naa.[A-Za-z0-9]{32}$/,
};

/** An iSCSI name; `start` is what is said of one of no known form. */
function initiator(field: string, name: string, start: string): FieldError[] {
  const pattern = INITIATORS[name.slice(0, 3)];
  if (pattern === undefined) return [invalid(field, name, start)];
  return name.length < 1_024 && pattern.test(name) ? [] : [invalid(field, name, 'must be valid format')];
}

export function iscsi(isPersistent: boolean): SourceRule {
  const start = isPersistent ? 'must be valid format' : 'must be valid format starting with iqn, eui, or naa';
  const limit =
    'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';
  return (source: Partial<ISCSIVolumeSource>, at, owner) => {
    const { targetPortal = '', iqn, lun = 0, initiatorName, secretRef } = source;
    const errors = targetPortal === '' ? [required(`${at}.targetPortal`)] : [];
    const isLong = initiatorName !== undefined && `${owner}:${targetPortal}`.length > 64;
    if (isPersistent && isLong) errors.push(invalid(`${at}.targetportal`, targetPortal, limit));
    errors.push(...(iqn ? initiator(`${at}.iqn`, iqn, start) : [required(`${at}.iqn`)]));
    if (lun < 0 || lun > 255) errors.push(invalid(`${at}.lun`, lun, 'must be between 0 and 255, inclusive'));
    if ((source.chapAuthDiscovery === true || source.chapAuthSession === true) && secretRef === undefined)
      errors.push(required(`${at}.secretRef`));
    if (isPersistent && secretRef !== undefined && !secretRef.name)
      errors.push(required(`${at}.secretRef.name`));
    if (initiatorName !== undefined) errors.push(...initiator(`${at}.initiatorname`, initiatorName, start));
    if (!isPersistent && isLong)
      errors.push(invalid(`${at.slice(0, at.lastIndexOf('.'))}.name`, owner, limit));
    return errors;
  };
}

function flocker({ datasetName = '', datasetUUID = '' }: FlockerVolumeSource, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (datasetName === '' && datasetUUID === '')
    errors.push(required(at, 'one of datasetName and datasetUUID is required'));
  if (datasetName !== '' && datasetUUID !== '')
    errors.push(invalid(at, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'));
  if (datasetName.includes('/'))
    errors.push(invalid(`${at}.datasetName`, datasetName, "must not contain '/'"));
  return errors;
}

function fibreChannel({ targetWWNs = [], wwids = [], lun }: FCVolumeSource, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const field = `${at}.targetWWNs`;
  if (targetWWNs.length + wwids.length === 0)
    errors.push(required(field, 'must specify either targetWWNs or wwids, but not both'));
  if (targetWWNs.length > 0 && wwids.length > 0)
    errors.push(invalid(field, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously'));
  if (targetWWNs.length === 0) return errors;
  if (lun === undefined) errors.push(required(`${at}.lun`, 'lun is required if targetWWNs is specified'));
  else if (lun < 0 || lun > 255)
    errors.push(invalid(`${at}.lun`, lun, 'must be between 0 and 255, inclusive'));
  return errors;
}

function quobyte(
  { registry = '', tenant = '', volume }: Partial<QuobyteVolumeSource>,
  at: string,
): FieldError[] {
  const pairs = 'must be a host:port pair or multiple pairs separated by commas';
  const errors: FieldError[] = [];
  if (registry === '') errors.push(required(`${at}.registry`, pairs));
  else if (tenant.length > 64)
    errors.push(required(`${at}.tenant`, 'must be a UUID and may not exceed a length of 64 characters'));
  else if (!registry.split(',').every((pair) => /^(\[[^\]]*\]|[^:]*):[^:]*$/.test(pair)))
    errors.push(invalid(`${at}.registry`, registry, pairs));
  if (!volume) errors.push(required(`${at}.volume`));
  return errors;
}

const RESERVED = /\.(kubernetes|k8s)\.io$/;

function flexVolume(source: { driver?: string; options?: Record<string, string> }, at: string): FieldError[] {
  const errors = source.driver ? [] : [required(`${at}.driver`)];
  for (const key of Object.keys(source.options ?? {}))
    if (RESERVED.test(`.${(key.split('/')[0] ?? '').toLowerCase()}`))
      errors.push(invalid(`${at}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved'));
  return errors;
}

const CACHING = ['None', 'ReadOnly', 'ReadWrite'];
const DISK_KINDS = ['Dedicated', 'Managed', 'Shared'];

function azureDisk(source: Partial<AzureDiskVolumeSource>, at: string): FieldError[] {
  const { diskName, diskURI = '', cachingMode, kind } = source;
  const errors = diskName ? [] : [required(`${at}.diskName`)];
  if (diskURI === '') errors.push(required(`${at}.diskURI`));
  if (cachingMode !== undefined && !CACHING.includes(cachingMode))
    errors.push(notSupported(`${at}.cachingMode`, cachingMode, CACHING));
  if (kind !== undefined && !DISK_KINDS.includes(kind))
    errors.push(notSupported(`${at}.kind`, kind, DISK_KINDS));
  if (kind === 'Managed' && !diskURI.startsWith('/subscriptions/'))
    errors.push(
      notSupported(`${at}.diskURI`, diskURI, [
        '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}',
      ]),
    );
  if (kind !== undefined && kind !== 'Managed' && !diskURI.startsWith('https://'))
    errors.push(
      notSupported(`${at}.diskURI`, diskURI, [
        'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd',
      ]),
    );
  return errors;
}

/** A reference to a secret that must be whole where it is given. */
export function secretOf(...fields: readonly ('name' | 'namespace')[]): SourceRule {
  return ({ secretRef }: { secretRef?: SecretReference }, at) =>
    fields.flatMap((field) =>
      secretRef !== undefined && !secretRef[field] ? [required(`${at}.secretRef.${field}`)] : [],
    );
}

export function storageOs(source: StorageOSPersistentVolumeSource, at: string): FieldError[] {
  const { volumeName, volumeNamespace } = source;
  const errors = volumeName
    ? invalidBy(checkDns1123Label(volumeName), `${at}.volumeName`, volumeName)
    : [required(`${at}.volumeName`)];
  if (volumeNamespace)
    errors.push(...invalidBy(checkDns1123Label(volumeNamespace), `${at}.volumeNamespace`, volumeNamespace));
  return errors;
}

const MAX_DRIVER = 63;

/** The name of a CSI driver, whose case does not matter. */
export function driverName(field: string, name: string | undefined): FieldError[] {
  const errors = name ? [] : [required(field)];
  if ((name ?? '').length > MAX_DRIVER) errors.push(tooLong(field, MAX_DRIVER));
  errors.push(...invalidBy(checkDns1123Subdomain((name ?? '').toLowerCase()), field, name ?? ''));
  return errors;
}

const scaleIo = needs('gateway', 'system', 'volumeName');

/** Sources that mean the same in both places, before and after those that differ. */
export const shared = {
  hostPath: { name: 'hostPath', rule: hostPath },
  gce: { name: 'gcePersistentDisk', path: 'persistentDisk', rule: all(needs('pdName'), partition) },
  aws: { name: 'awsElasticBlockStore', rule: all(needs('volumeID'), partition) },
  nfs: { name: 'nfs', rule: all(needs('server', 'path'), absolutePath) },
  flocker: { name: 'flocker', rule: flocker },
  rbd: { name: 'rbd', rule: needs('monitors', 'image') },
  quobyte: { name: 'quobyte', rule: quobyte },
  fc: { name: 'fc', rule: fibreChannel },
  flex: { name: 'flexVolume', rule: flexVolume },
  vsphere: { name: 'vsphereVolume', rule: needs('volumePath') },
  photon: { name: 'photonPersistentDisk', rule: needs('pdID') },
  portworx: { name: 'portworxVolume', rule: needs('volumeID') },
  azureDisk: { name: 'azureDisk', rule: azureDisk },
  scaleIo: { name: 'scaleIO', rule: scaleIo },
} as const satisfies Readonly<Record<string, SourceKind>>;

/** Sources of pods' volumes that have nothing to do with the API's own data, by the place upstream looks at them. */
export const podSources = {
  ...shared,
  gitRepo: {
    name: 'gitRepo',
    rule: all(needs('repository'), ({ directory = '' }: { directory?: string }, at) =>
      relativePath(`${at}.directory`, directory),
    ),
  },
  iscsi: { name: 'iscsi', rule: iscsi(false) },
  glusterfs: { name: 'glusterfs', rule: needs('endpoints', 'path') },
  claim: { name: 'persistentVolumeClaim', rule: needs('claimName') },
  cinder: { name: 'cinder', rule: all(needs('volumeID'), secretOf('name')) },
  cephfs: { name: 'cephfs', extra: 'cephFS', rule: needs('monitors') },
  azureFile: { name: 'azureFile', rule: needs('secretName', 'shareName') },
  storageOs: { name: 'storageos', rule: all(storageOs, secretOf('name')) },
} as const satisfies Readonly<Record<string, SourceKind>>;
