/** The rules of the volumes of a pod: each has one source, and each source what it needs. */
import type { DownwardAPIVolumeFile, KeyToPath, ProjectedVolumeSource, Volume } from '../generated/types.ts';
import { checkDns1123Label } from '../names.ts';
import { compareQuantities } from '../quantity.ts';
import { checkName } from './checks.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { relativePath } from './mounts.ts';
import { claimSpec } from './storage.ts';

const MODE = 'must be a number between 0 and 0777 (octal), both inclusive';
const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;
const DOWNWARD_FIELDS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

export function validateVolumes(
  list: readonly Volume[],
  path: string,
): { errors: FieldError[]; names: Set<string> } {
  const names = new Set<string>();
  const errors: FieldError[] = [];
  for (const [i, volume] of list.entries()) {
    const at = `${path}[${i}]`;
    errors.push(...checkName(`${at}.name`, volume.name, checkDns1123Label));
    if (names.has(volume.name)) errors.push(duplicate(`${at}.name`, volume.name));
    names.add(volume.name);
    errors.push(...source(volume, at));
  }
  return { errors, names };
}

/** What each kind of source must have, by its fields. */
const NEEDED = {
  nfs: ['server', 'path'],
  iscsi: ['targetPortal', 'iqn'],
  csi: ['driver'],
  persistentVolumeClaim: ['claimName'],
  secret: ['secretName'],
  configMap: ['name'],
  hostPath: ['path'],
} as const;

function source(volume: Volume, at: string): FieldError[] {
  const sources = Object.entries(volume).filter(([key, value]) => key !== 'name' && value !== undefined);
  if (sources.length === 0) return [required(at, 'must specify a volume type')];
  const errors = sources
    .slice(1)
    .map(([name]) => forbidden(`${at}.${name}`, 'may not specify more than 1 volume type'));
  for (const [name, fields] of Object.entries(NEEDED)) {
    const given = volume[name as keyof typeof NEEDED] as Readonly<Record<string, unknown>> | undefined;
    if (given === undefined) continue;
    for (const field of fields) if (!given[field]) errors.push(required(`${at}.${name}.${field}`));
  }
  const { hostPath, emptyDir, nfs, downwardAPI, projected, ephemeral } = volume;
  if (hostPath?.path) errors.push(...noBacksteps(`${at}.hostPath.path`, hostPath.path));
  if (emptyDir?.sizeLimit !== undefined && compareQuantities(emptyDir.sizeLimit, '0') < 0)
    errors.push(forbidden(`${at}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity'));
  if (nfs?.path && !nfs.path.startsWith('/'))
    errors.push(invalid(`${at}.nfs.path`, nfs.path, 'must be an absolute path'));
  for (const name of ['configMap', 'secret'] as const) {
    errors.push(...items(volume[name]?.items, `${at}.${name}.items`));
    errors.push(...mode(volume[name]?.defaultMode, `${at}.${name}.defaultMode`));
  }
  if (downwardAPI !== undefined) {
    errors.push(...mode(downwardAPI.defaultMode, `${at}.downwardAPI.defaultMode`));
    errors.push(...(downwardAPI.items ?? []).flatMap((file) => downwardFile(file, `${at}.downwardAPI`)));
  }
  if (projected !== undefined) errors.push(...projection(projected, `${at}.projected`));
  if (ephemeral !== undefined) {
    const claim = ephemeral.volumeClaimTemplate?.spec;
    const field = `${at}.ephemeral.volumeClaimTemplate`;
    errors.push(...(claim === undefined ? [required(field)] : claimSpec(claim, `${field}.spec`)));
  }
  return errors;
}

function noBacksteps(field: string, path: string): FieldError[] {
  return path.split('/').includes('..') ? [invalid(field, path, "must not contain '..'")] : [];
}

function mode(value: number | undefined, field: string): FieldError[] {
  return value === undefined || (value >= 0 && value <= 0o777) ? [] : [invalid(field, value, MODE)];
}

function items(list: readonly KeyToPath[] | undefined, path: string): FieldError[] {
  return (list ?? []).flatMap((item, i) => {
    const at = `${path}[${i}]`;
    const errors = item.key ? [] : [required(`${at}.key`)];
    errors.push(...(item.path ? ownPath(`${at}.path`, item.path) : [required(`${at}.path`)]));
    return [...errors, ...mode(item.mode, `${at}.mode`)];
  });
}

/** A name that begins with two dots is the volume's own. */
function ownPath(field: string, path: string): FieldError[] {
  const errors = relativePath(field, path);
  return path.startsWith('..') && !path.startsWith('../') && errors.length === 0
    ? [invalid(field, path, "must not start with '..'")]
    : errors;
}

function downwardFile(file: DownwardAPIVolumeFile, at: string): FieldError[] {
  const { path, fieldRef, resourceFieldRef } = file;
  const errors = path ? ownPath(`${at}.path`, path) : [required(`${at}.path`)];
  if (fieldRef === undefined && resourceFieldRef === undefined)
    errors.push(required(at, 'one of fieldRef and resourceFieldRef is required'));
  if (fieldRef !== undefined && resourceFieldRef !== undefined)
    errors.push(invalid(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
  if (fieldRef !== undefined) {
    const field = `${at}.fieldRef.fieldPath`;
    const plain = fieldRef.fieldPath?.replace(/\['[^']*'\]$/, '') ?? '';
    if (plain === '') errors.push(required(field));
    else if (!DOWNWARD_FIELDS.includes(plain))
      errors.push(notSupported(field, fieldRef.fieldPath, DOWNWARD_FIELDS));
  }
  if (resourceFieldRef !== undefined) {
    if (!resourceFieldRef.containerName) errors.push(required(`${at}.resourceFieldRef.containerName`));
    if (!resourceFieldRef.resource) errors.push(required(`${at}.resourceFieldRef.resource`));
  }
  return [...errors, ...mode(file.mode, `${at}.mode`)];
}

function projection({ sources = [], defaultMode }: ProjectedVolumeSource, at: string): FieldError[] {
  const errors = mode(defaultMode, `${at}.defaultMode`);
  const paths = new Set<string>();
  const claimPath = (path: string | undefined, badValue: string | undefined): void => {
    if (!path) return;
    if (paths.has(path)) errors.push(invalid(at, badValue, 'conflicting duplicate paths'));
    paths.add(path);
  };
  for (const [i, one] of sources.entries()) {
    const field = `${at}.sources[${i}]`;
    for (const name of ['secret', 'configMap'] as const) {
      const given = one[name];
      if (given === undefined) continue;
      if (!given.name) errors.push(required(`${field}.${name}.name`));
      errors.push(...items(given.items, `${field}.${name}.items`));
      for (const { path } of given.items ?? []) claimPath(path, given.name);
    }
    for (const file of one.downwardAPI?.items ?? []) {
      errors.push(...downwardFile(file, `${field}.downwardAPI`));
      claimPath(file.path, file.path);
    }
    const token = one.serviceAccountToken;
    const seconds = token?.expirationSeconds;
    const expiry = `${field}.serviceAccountToken.expirationSeconds`;
    if (seconds !== undefined && seconds < MIN_TOKEN_SECONDS)
      errors.push(invalid(expiry, seconds, 'may not specify a duration less than 10 minutes'));
    if (seconds !== undefined && seconds > MAX_TOKEN_SECONDS)
      errors.push(invalid(expiry, seconds, 'may not specify a duration larger than 2^32 seconds'));
    if (token !== undefined)
      errors.push(...(token.path ? ownPath(`${at}.path`, token.path) : [required(`${at}.path`)]));
    if (Object.values(one).filter((value) => value !== undefined).length > 1)
      errors.push(forbidden(field, 'may not specify more than 1 volume type'));
  }
  return errors;
}
