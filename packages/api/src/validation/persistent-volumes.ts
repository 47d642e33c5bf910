/** The rules of persistent volumes, and of those that stand in an attachment. */
import { posix } from 'node:path';
import { asSent } from '../decode/absence.ts';
import type { PersistentVolume, PersistentVolumeSpec, VolumeNodeAffinity } from '../generated/types.ts';
import { checkDns1123Subdomain } from '../names.ts';
import { IMMUTABLE, immutable, invalidBy, same } from './checks.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { accessModes, reportedAmount, VOLUME_MODES } from './persistent-claims.ts';
import { persistentSources } from './persistent-sources.ts';
import { nodeSelector } from './placement.ts';
import { positiveAmount } from './resources.ts';
import { rules, type Rules } from './rules.ts';
import { ONE_SOURCE, oneSource } from './volume-sources.ts';

const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain'];

function volume({ metadata, spec }: PersistentVolume): FieldError[] {
  if (spec === undefined) return [required('spec.accessModes')];
  const at = 'spec';
  const errors: FieldError[] = [];
  const modes = spec.accessModes ?? [];
  if (modes.length === 0) errors.push(required(`${at}.accessModes`));
  errors.push(...accessModes(modes, `${at}.accessModes`));
  errors.push(...capacity(spec, `${at}.capacity`));
  const policy = spec.persistentVolumeReclaimPolicy;
  if (policy && !RECLAIM_POLICIES.includes(policy))
    errors.push(notSupported(`${at}.persistentVolumeReclaimPolicy`, policy, RECLAIM_POLICIES));
  if (spec.nodeAffinity !== undefined)
    errors.push(...volumeNodeAffinity(spec.nodeAffinity, `${at}.nodeAffinity`));
  const sources = oneSource(spec, persistentSources, at, metadata?.name ?? '');
  errors.push(...sources);
  const isLocal = spec.local !== undefined && !sources.some(isOneTooMany(`${at}.local`));
  if (isLocal && spec.nodeAffinity === undefined)
    errors.push(required(`${at}.nodeAffinity`, 'Local volume requires node affinity'));
  if (policy === 'Recycle' && posix.normalize(spec.hostPath?.path ?? '') === '/')
    errors.push(
      forbidden(`${at}.persistentVolumeReclaimPolicy`, "may not be 'recycle' for a hostPath mount of '/'"),
    );
  const { storageClassName, volumeMode } = spec;
  if (storageClassName)
    errors.push(
      ...invalidBy(checkDns1123Subdomain(storageClassName), `${at}.storageClassName`, storageClassName),
    );
  if (volumeMode !== undefined && !VOLUME_MODES.includes(volumeMode))
    errors.push(notSupported(`${at}.volumeMode`, volumeMode, VOLUME_MODES));
  return [...errors, ...attributesClass(spec, at)];
}

function isOneTooMany(place: string): (error: FieldError) => boolean {
  return ({ field, detail }) => field === place && detail === ONE_SOURCE;
}

function capacity(spec: PersistentVolumeSpec, field: string): FieldError[] {
  const { capacity: amounts } = spec;
  const names = Object.keys(amounts ?? {});
  const errors = names.length === 0 ? [required(field)] : [];
  if (!names.includes('storage') || names.length > 1)
    errors.push(notSupported(field, asSent(spec, 'capacity'), ['storage']));
  for (const [name, quantity] of Object.entries(amounts ?? {})) {
    errors.push(...reportedAmount(`${field}[${name}]`, quantity));
    errors.push(...positiveAmount(`${field}[${name}]`, quantity));
  }
  return errors;
}

function volumeNodeAffinity({ required: needed }: VolumeNodeAffinity, at: string): FieldError[] {
  return needed === undefined
    ? [required(`${at}.required`, 'must specify required node constraints')]
    : nodeSelector(needed, `${at}.required`);
}

function attributesClass(
  { volumeAttributesClassName: name, csi }: PersistentVolumeSpec,
  at: string,
): FieldError[] {
  if (name === undefined) return [];
  const field = `${at}.volumeAttributesClassName`;
  const errors =
    name === ''
      ? [required(field, 'an empty string is disallowed')]
      : invalidBy(checkDns1123Subdomain(name), field, name);
  if (csi === undefined)
    errors.push(required(`${at}.csi`, 'has to be specified when using volumeAttributesClassName'));
  return errors;
}

const INLINE = 'in the context of inline volumes';

/** A volume that is no object of its own: what the CSI migration of old kinds of volumes attaches. */
export function inlineVolume(spec: PersistentVolumeSpec, at: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['claimRef', 'capacity'] as const)
    if (spec[field] !== undefined && Object.keys(spec[field]).length > 0)
      errors.push(forbidden(`${at}.${field}`, `may not be specified ${INLINE}`));
  if (spec.csi === undefined) errors.push(required(`${at}.csi`, `has to be specified ${INLINE}`));
  const modes = spec.accessModes ?? [];
  if (modes.length === 0) errors.push(required(`${at}.accessModes`));
  errors.push(...accessModes(modes, `${at}.accessModes`));
  const policy = spec.persistentVolumeReclaimPolicy;
  if (policy && policy !== 'Retain')
    errors.push(forbidden(`${at}.persistentVolumeReclaimPolicy`, `may only be Retain ${INLINE}`));
  if (spec.nodeAffinity !== undefined)
    errors.push(forbidden(`${at}.nodeAffinity`, `may not be specified ${INLINE}`));
  errors.push(...oneSource(spec, persistentSources, at, ''));
  if (spec.storageClassName)
    errors.push(forbidden(`${at}.storageClassName`, `may not be specified ${INLINE}`));
  if (spec.volumeMode !== undefined && spec.volumeMode !== 'Filesystem')
    errors.push(forbidden(`${at}.volumeMode`, `may not specify volumeMode other than Filesystem ${INLINE}`));
  return [...errors, ...attributesClass(spec, at)];
}

/** What a volume's data is does not change; a secret for growing it may be added. */
function volumeUpdate({ spec }: PersistentVolume, { spec: before }: PersistentVolume): FieldError[] {
  if (spec === undefined || before === undefined) return [];
  const data = (from: PersistentVolumeSpec): unknown =>
    persistentSources.map(({ name }) => {
      const source = (from as Readonly<Record<string, unknown>>)[name];
      if (name !== 'csi' || before.csi?.controllerExpandSecretRef !== undefined) return source;
      return source === undefined ? source : { ...(source as object), controllerExpandSecretRef: undefined };
    });
  const errors: FieldError[] = [];
  if (!same(data(spec), data(before)))
    errors.push(
      forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'),
    );
  errors.push(...immutable('volumeMode', spec.volumeMode, before.volumeMode));
  if (before.nodeAffinity !== undefined && !sameNodes(spec.nodeAffinity, before.nodeAffinity))
    errors.push(
      invalid('nodeAffinity', spec.nodeAffinity, `${IMMUTABLE}, except for updating from beta label to GA`),
    );
  if (before.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined)
    errors.push(forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'));
  return errors;
}

/** What labels of nodes were called before they were final. */
const FINAL_LABELS: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
};

function sameNodes(now: VolumeNodeAffinity | undefined, before: VolumeNodeAffinity): boolean {
  const wanted = now?.required?.nodeSelectorTerms ?? [];
  const renamed = (before.required?.nodeSelectorTerms ?? []).map((term, i) => ({
    ...term,
    matchExpressions: term.matchExpressions?.map((one, j) => {
      const key = wanted[i]?.matchExpressions?.[j]?.key;
      return key !== undefined && FINAL_LABELS[one.key] === key ? { ...one, key } : one;
    }),
  }));
  return same(wanted, renamed);
}

export const volumeRules: Readonly<Record<string, Rules>> = {
  'v1/PersistentVolume': rules(volume, volumeUpdate),
};
