/** The rules of volumes, claims, and of what makes and attaches them. */
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from '../generated/types.ts';
import { checkDns1123Subdomain, checkQualifiedName } from '../names.ts';
import { compareQuantities } from '../quantity.ts';
import { checkName, immutable, labelSelector, oneOf, same } from './checks.ts';
import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
  type FieldError,
} from './field-error.ts';
import { rules, type Rules } from './rules.ts';

const MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const VOLUME_MODES = ['Block', 'Filesystem'];
/** Fields of a volume's spec that are not where its data is. */
const NOT_SOURCES: ReadonlySet<string> = new Set([
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
]);

function accessModes(modes: readonly string[], at: string): FieldError[] {
  const errors = modes.flatMap((mode) => (MODES.includes(mode) ? [] : [notSupported(at, mode, MODES)]));
  if (modes.includes('ReadWriteOncePod') && modes.length > 1)
    errors.push(forbidden(at, 'may not use ReadWriteOncePod with other access modes'));
  return errors;
}

function amount(field: string, quantity: string | undefined): FieldError[] {
  if (quantity === undefined) return [required(field)];
  return compareQuantities(quantity, '0') > 0 ? [] : [invalid(field, quantity, 'must be greater than zero')];
}

function sourcesOf(spec: object): string[] {
  return Object.entries(spec).flatMap(([name, value]) =>
    NOT_SOURCES.has(name) || value === undefined ? [] : [name],
  );
}

function volume({ spec }: PersistentVolume): FieldError[] {
  if (spec === undefined) return [required('spec')];
  const errors: FieldError[] = [];
  if ((spec.accessModes ?? []).length === 0) errors.push(required('spec.accessModes'));
  errors.push(...accessModes(spec.accessModes ?? [], 'spec.accessModes'));
  const capacity = spec.capacity ?? {};
  if (Object.keys(capacity).length === 0) errors.push(required('spec.capacity'));
  else if (!Object.hasOwn(capacity, 'storage') || Object.keys(capacity).length > 1)
    errors.push(notSupported('spec.capacity', capacity, ['storage']));
  else errors.push(...amount('spec.capacity[storage]', capacity['storage']));
  if (spec.persistentVolumeReclaimPolicy !== undefined)
    errors.push(
      ...oneOf('spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy, [
        'Delete',
        'Recycle',
        'Retain',
      ]),
    );
  const [first, ...others] = sourcesOf(spec);
  if (first === undefined) errors.push(required('spec', 'must specify a volume type'));
  for (const source of others)
    errors.push(forbidden(`spec.${source}`, 'may not specify more than 1 volume type'));
  if (spec.hostPath?.path.split('/').includes('..') === true)
    errors.push(invalid('spec.hostPath.path', spec.hostPath.path, "must not contain '..'"));
  if (spec.local !== undefined && spec.nodeAffinity?.required === undefined)
    errors.push(required('metadata.annotations', 'Local volume requires node affinity'));
  if (spec.csi !== undefined)
    for (const field of ['driver', 'volumeHandle'] as const)
      if (!spec.csi[field]) errors.push(required(`spec.csi.${field}`));
  if (spec.nfs !== undefined)
    for (const field of ['server', 'path'] as const)
      if (!spec.nfs[field]) errors.push(required(`spec.nfs.${field}`));
  if (spec.storageClassName)
    errors.push(...checkName('spec.storageClassName', spec.storageClassName, checkDns1123Subdomain));
  if (spec.volumeMode !== undefined) errors.push(...oneOf('spec.volumeMode', spec.volumeMode, VOLUME_MODES));
  return errors;
}

function volumeUpdate({ spec }: PersistentVolume, { spec: before }: PersistentVolume): FieldError[] {
  if (spec === undefined || before === undefined) return [];
  const data = (from: object): unknown =>
    Object.fromEntries(sourcesOf(from).map((name) => [name, (from as Record<string, unknown>)[name]]));
  const errors: FieldError[] = [];
  if (!same(data(spec), data(before)))
    errors.push(
      forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'),
    );
  errors.push(...immutable('spec.volumeMode', spec.volumeMode, before.volumeMode));
  if (before.nodeAffinity !== undefined && !same(spec.nodeAffinity, before.nodeAffinity))
    errors.push(invalid('spec.nodeAffinity', spec.nodeAffinity, 'field is immutable'));
  return errors;
}

function claim({ spec }: PersistentVolumeClaim): FieldError[] {
  return spec === undefined ? [required('spec')] : claimSpec(spec, 'spec');
}

/** Also of the claims that stateful sets and pods make. */
export function claimSpec(spec: PersistentVolumeClaimSpec, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.accessModes ?? []).length === 0)
    errors.push(required(`${at}.accessModes`, 'at least 1 access mode is required'));
  if (spec.selector !== undefined) errors.push(...labelSelector(`${at}.selector`, spec.selector));
  errors.push(...accessModes(spec.accessModes ?? [], `${at}.accessModes`));
  errors.push(...amount(`${at}.resources[storage]`, spec.resources?.requests?.['storage']));
  if (spec.storageClassName)
    errors.push(...checkName(`${at}.storageClassName`, spec.storageClassName, checkDns1123Subdomain));
  if (spec.volumeMode !== undefined) errors.push(...oneOf(`${at}.volumeMode`, spec.volumeMode, VOLUME_MODES));
  const { dataSource, dataSourceRef } = spec;
  for (const [source, name] of [
    [dataSource, 'dataSource'],
    [dataSourceRef, 'dataSourceRef'],
  ] as const) {
    if (source === undefined) continue;
    for (const field of ['name', 'kind'] as const)
      if (!source[field]) errors.push(required(`${at}.${name}.${field}`));
    if (!source.apiGroup && source.kind && source.kind !== 'PersistentVolumeClaim')
      errors.push(
        invalid(
          `${at}.${name}`,
          source.kind,
          "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
        ),
      );
  }
  return errors;
}

const CLAIM_IS_FIXED =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

function claimUpdate(now: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const { spec } = now;
  const before = old.spec;
  if (spec === undefined || before === undefined) return [];
  const errors: FieldError[] = [];
  const isBound = old.status?.phase === 'Bound';
  const fixed = (from: PersistentVolumeClaimSpec): unknown => {
    const { resources, volumeAttributesClassName, volumeName, storageClassName, ...rest } = from;
    return {
      ...rest,
      // A claim without a volume or a class gets each of them once.
      volumeName: before.volumeName ? (volumeName ?? '') : '',
      storageClassName: before.storageClassName === undefined ? '' : storageClassName,
      ...(isBound ? { limits: resources?.limits } : { resources, volumeAttributesClassName }),
    };
  };
  if (!same(fixed(spec), fixed(before))) errors.push(forbidden('spec', CLAIM_IS_FIXED));
  const [size, sizeBefore] = [spec.resources?.requests?.['storage'], before.resources?.requests?.['storage']];
  const held = old.status?.capacity?.['storage'];
  if (
    isBound &&
    size !== undefined &&
    sizeBefore !== undefined &&
    compareQuantities(size, sizeBefore) < 0 &&
    (held === undefined || compareQuantities(size, held) <= 0)
  )
    errors.push(forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'));
  return errors;
}

function storageClass(storage: StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  if (!storage.provisioner) errors.push(required('provisioner'));
  else
    errors.push(
      ...checkQualifiedName(storage.provisioner.toLowerCase()).map((text) =>
        invalid('provisioner', storage.provisioner, text),
      ),
    );
  errors.push(...oneOf('reclaimPolicy', storage.reclaimPolicy, ['Delete', 'Retain']));
  errors.push(
    ...oneOf('volumeBindingMode', storage.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']),
  );
  for (const key of Object.keys(storage.parameters ?? {}))
    if (key === '') errors.push(invalid('parameters', '', 'field can not be empty.'));
  return errors;
}

function storageClassUpdate(now: StorageClass, old: StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['parameters', 'provisioner'] as const)
    if (!same(now[field], old[field])) errors.push(forbidden(field, `updates to ${field} are forbidden.`));
  if (now.reclaimPolicy !== old.reclaimPolicy)
    errors.push(forbidden('reclaimPolicy', 'updates to reclaimPolicy are forbidden.'));
  errors.push(...immutable('volumeBindingMode', now.volumeBindingMode, old.volumeBindingMode));
  return errors;
}

function attachment({ spec }: VolumeAttachment): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec?.attacher) errors.push(required('spec.attacher'));
  if (!spec?.nodeName) errors.push(required('spec.nodeName'));
  const { persistentVolumeName, inlineVolumeSpec } = spec?.source ?? {};
  if ((persistentVolumeName === undefined) === (inlineVolumeSpec === undefined))
    errors.push(
      required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'),
    );
  else if (persistentVolumeName === '')
    errors.push(required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName'));
  return errors;
}

function attributesClass({ driverName, parameters }: VolumeAttributesClass): FieldError[] {
  const errors = checkName('driverName', driverName, checkDns1123Subdomain);
  if (Object.keys(parameters ?? {}).length === 0)
    errors.push(required('parameters', 'must contain at least one key/value pair'));
  return errors;
}

const MAX_DRIVER_NAME = 63;
const MAX_NODE_ID = 256;

function csiDriver({ metadata, spec }: CSIDriver): FieldError[] {
  const name = metadata?.name ?? '';
  const errors = name.length > MAX_DRIVER_NAME ? [tooLong('metadata.name', MAX_DRIVER_NAME)] : [];
  for (const field of ['attachRequired', 'podInfoOnMount'] as const)
    if (spec?.[field] === undefined) errors.push(required(`spec.${field}`));
  const audiences = new Set<string>();
  for (const [i, { audience, expirationSeconds }] of (spec?.tokenRequests ?? []).entries()) {
    const at = `spec.tokenRequests[${i}]`;
    if (audiences.has(audience)) errors.push(duplicate(`${at}.audience`, audience));
    audiences.add(audience);
    if (expirationSeconds !== undefined && expirationSeconds < 600)
      errors.push(
        invalid(
          `${at}.expirationSeconds`,
          expirationSeconds,
          'may not specify a duration less than 10 minutes',
        ),
      );
  }
  return errors;
}

function csiNode({ spec }: CSINode): FieldError[] {
  const names = new Set<string>();
  return (spec?.drivers ?? []).flatMap(({ name, nodeID }, i) => {
    const at = `spec.drivers[${i}]`;
    const errors = checkName(`${at}.name`, name, checkDns1123Subdomain);
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (!nodeID) errors.push(required(`${at}.nodeID`));
    else if (nodeID.length > MAX_NODE_ID)
      errors.push(invalid(`${at}.nodeID`, nodeID, `must be ${MAX_NODE_ID} characters or less`));
    return errors;
  });
}

function storageCapacity({ storageClassName, nodeTopology, capacity }: CSIStorageCapacity): FieldError[] {
  const errors = checkName('storageClassName', storageClassName, checkDns1123Subdomain);
  if (nodeTopology !== undefined) errors.push(...labelSelector('nodeTopology', nodeTopology));
  if (capacity !== undefined && compareQuantities(capacity, '0') < 0)
    errors.push(invalid('capacity', capacity, 'must be greater than or equal to 0'));
  return errors;
}

export const storageRules: Readonly<Record<string, Rules>> = {
  'v1/PersistentVolume': rules(volume, volumeUpdate),
  'v1/PersistentVolumeClaim': rules(claim, claimUpdate),
  'storage.k8s.io/v1/StorageClass': rules(storageClass, storageClassUpdate),
  'storage.k8s.io/v1/VolumeAttachment': rules(attachment, (now: VolumeAttachment, old: VolumeAttachment) =>
    immutable('spec', now.spec, old.spec),
  ),
  'storage.k8s.io/v1/VolumeAttributesClass': rules(
    attributesClass,
    (now: VolumeAttributesClass, old: VolumeAttributesClass) => [
      ...immutable('driverName', now.driverName, old.driverName),
      ...immutable('parameters', now.parameters, old.parameters),
    ],
  ),
  'storage.k8s.io/v1/CSIDriver': rules(csiDriver),
  'storage.k8s.io/v1/CSINode': rules(csiNode),
  'storage.k8s.io/v1/CSIStorageCapacity': rules(
    storageCapacity,
    (now: CSIStorageCapacity, old: CSIStorageCapacity) => [
      ...immutable('nodeTopology', now.nodeTopology, old.nodeTopology),
      ...immutable('storageClassName', now.storageClassName, old.storageClassName),
    ],
  ),
};
