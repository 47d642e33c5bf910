/** The rules of where the data of a persistent volume is, in the order in which upstream looks at the sources. */
import type { SecretReference } from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain } from '../names.ts';
import { invalidBy } from './checks.ts';
import { invalid, required, type FieldError } from './field-error.ts';
import { noBacksteps } from './paths.ts';
import {
  all,
  driverName,
  iscsi,
  needs,
  secretOf,
  shared,
  type SourceKind,
  storageOs,
} from './volume-sources.ts';

function glusterNamespace(
  { endpointsNamespace: name }: { endpointsNamespace?: string },
  at: string,
): FieldError[] {
  const field = `${at}.endpointsNamespace`;
  if (name === undefined) return [];
  if (name === '')
    return [invalid(field, name, 'if the endpointnamespace is set, it must be a valid namespace name')];
  return invalidBy(checkDns1123Label(name), field, name);
}

function azureNamespace({ secretNamespace }: { secretNamespace?: string }, at: string): FieldError[] {
  return secretNamespace === '' ? [required(`${at}.secretNamespace`)] : [];
}

const CSI_SECRETS = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const;

type CsiSource = { driver?: string; volumeHandle?: string } & {
  [name in (typeof CSI_SECRETS)[number]]?: SecretReference;
};

function csi(source: CsiSource, at: string): FieldError[] {
  const errors = driverName(`${at}.driver`, source.driver);
  if (!source.volumeHandle) errors.push(required(`${at}.volumeHandle`));
  for (const name of CSI_SECRETS) {
    const secret = source[name];
    if (secret === undefined) continue;
    for (const [field, check] of [
      ['name', checkDns1123Subdomain],
      ['namespace', checkDns1123Label],
    ] as const) {
      const value = secret[field];
      const path = `${at}.${name}.${field}`;
      errors.push(...(value ? invalidBy(check(value), path, value) : [required(path)]));
    }
  }
  return errors;
}

function local({ path }: { path?: string }, at: string): FieldError[] {
  return path ? noBacksteps(`${at}.path`, path) : [required(`${at}.path`)];
}

export const persistentSources: readonly SourceKind[] = [
  shared.hostPath,
  shared.gce,
  shared.aws,
  { name: 'glusterfs', rule: all(needs('endpoints', 'path'), glusterNamespace) },
  shared.flocker,
  shared.nfs,
  shared.rbd,
  shared.quobyte,
  { name: 'cephfs', extra: 'cephFS', rule: needs('monitors') },
  { name: 'iscsi', rule: iscsi(true) },
  { name: 'cinder', rule: all(needs('volumeID'), secretOf('name', 'namespace')) },
  shared.fc,
  { ...shared.flex, isBeside: true },
  { name: 'azureFile', rule: all(needs('secretName', 'shareName'), azureNamespace) },
  shared.vsphere,
  shared.photon,
  shared.portworx,
  shared.azureDisk,
  shared.scaleIo,
  { name: 'local', rule: local },
  { name: 'storageos', rule: all(storageOs, secretOf('name', 'namespace')) },
  { name: 'csi', rule: csi },
];
