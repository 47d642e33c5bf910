/** The rules of what makes volumes and attaches them. */
import { asSent } from '../decode/absence.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  TopologySelectorTerm,
  VolumeAttachment,
  VolumeAttributesClass,
} from '../generated/types.ts';
import { checkDns1123Subdomain } from '../names.ts';
import { compareQuantities } from '../quantity.ts';
import {
  IMMUTABLE,
  immutable,
  invalidBy,
  labelSelector,
  nonNegative,
  oneOf,
  qualifiedName,
  same,
  sizeOf,
} from './checks.ts';
import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
  type FieldError,
} from './field-error.ts';
import { inlineVolume } from './persistent-volumes.ts';
import { rules, type Rules } from './rules.ts';
import { driverName } from './volume-sources.ts';

const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer'];

function storageClass(storage: StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  if (!storage.provisioner) errors.push(required('provisioner'));
  else errors.push(...qualifiedName('provisioner', storage.provisioner.toLowerCase()));
  // An empty policy is one that says nothing; an empty mode is none of the two there are.
  const policy: string | undefined = storage.reclaimPolicy;
  if (policy !== '') errors.push(...oneOf('reclaimPolicy', policy, ['Delete', 'Retain']));
  const mode = storage.volumeBindingMode;
  if (mode === undefined) errors.push(required('volumeBindingMode'));
  else if (!BINDING_MODES.includes(mode)) errors.push(notSupported('volumeBindingMode', mode, BINDING_MODES));
  errors.push(...parametersOf(storage.parameters));
  if (storage.allowedTopologies !== undefined)
    errors.push(...topologies(storage.allowedTopologies, 'allowedTopologies'));
  return errors;
}

function storageClassUpdate(now: StorageClass, old: StorageClass): FieldError[] {
  const errors: FieldError[] = [];
  errors.push(...immutable('provisioner', now.provisioner ?? '', old.provisioner ?? ''));
  if (!same(now.parameters, old.parameters))
    errors.push(invalid('parameters', asSent(now, 'parameters'), IMMUTABLE));
  errors.push(...immutable('reclaimPolicy', now.reclaimPolicy, old.reclaimPolicy));
  errors.push(...immutable('volumeBindingMode', now.volumeBindingMode, old.volumeBindingMode));
  return errors;
}

const MAX_PARAMETERS = 512;
const MAX_PARAMETER_BYTES = 256 * 1024;

function parametersOf(given: Readonly<Record<string, string>> = {}): FieldError[] {
  const entries = Object.entries(given);
  if (entries.length > MAX_PARAMETERS) return [tooLong('parameters', MAX_PARAMETERS)];
  const errors = entries.flatMap(([key]) =>
    key === '' ? [invalid('parameters', key, 'field can not be empty.')] : [],
  );
  if (bytesOf(given) > MAX_PARAMETER_BYTES) errors.push(tooLong('parameters', MAX_PARAMETER_BYTES));
  return errors;
}

function bytesOf(map: Readonly<Record<string, string>> = {}): number {
  return Object.entries(map).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
}

/**
 * Where volumes of a class can be: no label twice in one place, and no place twice. A place without labels counts as one
 * that is there already.
 */
function topologies(list: readonly TopologySelectorTerm[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>(['[]']);
  for (const [i, { matchLabelExpressions = [] }] of list.entries()) {
    const at = `${path}[${i}].matchLabelExpressions`;
    const term = new Map<string, string>();
    for (const [j, { key, values = [] }] of matchLabelExpressions.entries()) {
      if (values.length === 0) errors.push(required(`${at}[${j}].values`));
      const known = new Set<string>();
      for (const [k, value] of values.entries()) {
        if (known.has(value)) errors.push(duplicate(`${at}[${j}].values[${k}]`, value));
        known.add(value);
      }
      errors.push(...qualifiedName(`${at}[${j}].key`, key));
      if (term.has(key)) errors.push(duplicate(`${at}[${j}].key`, key));
      term.set(key, JSON.stringify([...known].sort()));
    }
    const text = JSON.stringify([...term].sort(([a], [b]) => (a < b ? -1 : 1)));
    if (seen.has(text)) errors.push(duplicate(at, ''));
    seen.add(text);
  }
  return errors;
}

function attachment({ spec, status }: VolumeAttachment): FieldError[] {
  const attacher = spec?.attacher;
  const errors = attacher ? driverName('spec.attacher', attacher) : [required('spec.attacher')];
  const { persistentVolumeName: name, inlineVolumeSpec: inline } = spec?.source ?? {};
  const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (name === undefined && inline === undefined) errors.push(required('spec.source', one));
  else if (name !== undefined && inline !== undefined) errors.push(forbidden('spec.source', one));
  else if (name !== undefined) {
    const at = 'spec.source.persistentVolumeName';
    if (name === '') errors.push(required(at, 'must specify non empty persistentVolumeName'));
    errors.push(...invalidBy(checkDns1123Subdomain(name), at, name));
  } else if (inline !== undefined) errors.push(...inlineVolume(inline, 'spec.source.inlineVolumeSpec'));
  const node = spec?.nodeName ?? '';
  errors.push(...invalidBy(checkDns1123Subdomain(node), 'spec.nodeName', node));
  return [...errors, ...attachmentStatus({ status })];
}

const MAX_ATTACHED_BYTES = 256 * 1024;
const MAX_MESSAGE_BYTES = 1_024;

function attachmentStatus({ status }: { status?: VolumeAttachment['status'] | undefined }): FieldError[] {
  const errors =
    bytesOf(status?.attachmentMetadata) > MAX_ATTACHED_BYTES
      ? [tooLong('status.attachmentMetadata', MAX_ATTACHED_BYTES)]
      : [];
  for (const name of ['attachError', 'detachError'] as const) {
    const { message = '', errorCode } = status?.[name] ?? {};
    // Upstream names the limit of the metadata.
    if (Buffer.byteLength(message) > MAX_MESSAGE_BYTES)
      errors.push(tooLong(`status.${name}.message`, MAX_ATTACHED_BYTES));
    if (errorCode !== undefined && errorCode < 0)
      errors.push(
        invalid(`status.${name}.errorCode`, errorCode, 'must be between 0 and 2147483647, inclusive'),
      );
  }
  return errors;
}

function attributesClass({ driverName: driver, parameters }: VolumeAttributesClass): FieldError[] {
  const errors = driver ? qualifiedName('driverName', driver.toLowerCase()) : [required('driverName')];
  errors.push(...parametersOf(parameters));
  if (Object.keys(parameters ?? {}).length === 0)
    errors.push(required('parameters', 'must contain at least one key/value pair'));
  return errors;
}

function attributesClassUpdate(now: VolumeAttributesClass, old: VolumeAttributesClass): FieldError[] {
  return (['driverName', 'parameters'] as const).flatMap((field) =>
    same(now[field], old[field]) ? [] : [forbidden(field, `updates to ${field} are forbidden.`)],
  );
}

const MAX_NODE_ID = 256;
const MIN_TOKEN_SECONDS = 600;
const MIN_PERIOD_SECONDS = 10;
const GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType'];
const LIFECYCLES = ['Persistent', 'Ephemeral'];

function csiDriver({ spec = {} }: Partial<CSIDriver>): FieldError[] {
  const errors: FieldError[] = [];
  // Upstream's path of the first is not the field's name.
  if (spec.attachRequired === undefined) errors.push(required('spec.attachedRequired'));
  if (spec.podInfoOnMount === undefined) errors.push(required('spec.podInfoOnMount'));
  if (spec.storageCapacity === undefined) errors.push(required('spec.storageCapacity'));
  const policy = spec.fsGroupPolicy;
  if (policy !== undefined && !GROUP_POLICIES.includes(policy))
    errors.push(notSupported('spec.fsGroupPolicy', policy, GROUP_POLICIES));
  const audiences = new Set<string>();
  for (const [i, { audience, expirationSeconds: seconds }] of (spec.tokenRequests ?? []).entries()) {
    const at = `spec.tokenRequests[${i}]`;
    if (audiences.has(audience)) {
      errors.push(duplicate(`${at}.audience`, audience));
      continue;
    }
    audiences.add(audience);
    if (seconds !== undefined && sizeOf(seconds) < MIN_TOKEN_SECONDS)
      errors.push(
        invalid(`${at}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes'),
      );
    if (seconds !== undefined && sizeOf(seconds) > 2 ** 32)
      errors.push(
        invalid(`${at}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds'),
      );
  }
  for (const mode of spec.volumeLifecycleModes ?? [])
    if (!LIFECYCLES.includes(mode)) errors.push(notSupported('spec.volumeLifecycleModes', mode, LIFECYCLES));
  if (spec.seLinuxMount === undefined) errors.push(required('spec.seLinuxMount'));
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && sizeOf(period) < MIN_PERIOD_SECONDS)
    errors.push(
      invalid(
        'spec.nodeAllocatableUpdatePeriodSeconds',
        period,
        'must be greater than or equal to 10 seconds',
      ),
    );
  return errors;
}

function csiDriverUpdate(
  { spec = {} }: Partial<CSIDriver>,
  { spec: before = {} }: Partial<CSIDriver>,
): FieldError[] {
  return [
    ...immutable('spec.attachedRequired', spec.attachRequired, before.attachRequired),
    ...immutable('spec.volumeLifecycleModes', spec.volumeLifecycleModes, before.volumeLifecycleModes),
  ];
}

function csiNode({ spec }: CSINode): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, { name, nodeID = '', allocatable, topologyKeys = [] }] of (spec?.drivers ?? []).entries()) {
    const at = `spec.drivers[${i}]`;
    errors.push(...(name ? driverName(`${at}.name`, name) : [required(`${at}.name`)]));
    if (nodeID === '') errors.push(required(`${at}.nodeID`));
    if (nodeID.length > MAX_NODE_ID)
      errors.push(invalid(`${at}.nodeID`, nodeID, `must be ${MAX_NODE_ID} characters or less`));
    errors.push(...nonNegative(`${at}.allocatable.count`, allocatable?.count));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    const keys = new Set<string>();
    for (const key of topologyKeys) {
      if (key === '') errors.push(required(at));
      if (keys.has(key)) errors.push(duplicate(at, key));
      keys.add(key);
      errors.push(...qualifiedName(at, key));
    }
  }
  return errors;
}

/** How many volumes a node takes may change; what it is called by a driver may not. */
function csiNodeUpdate({ spec }: CSINode, { spec: before }: CSINode): FieldError[] {
  // Of two of one name the first counts.
  const byName = new Map((spec?.drivers ?? []).toReversed().map((driver) => [driver.name, driver]));
  return (before?.drivers ?? []).flatMap((old) => {
    const now = byName.get(old.name);
    if (now === undefined) return [];
    return same({ ...now, allocatable: undefined }, { ...old, allocatable: undefined })
      ? []
      : [invalid('spec.drivers', now, IMMUTABLE)];
  });
}

function storageCapacity({ storageClassName, nodeTopology, capacity }: CSIStorageCapacity): FieldError[] {
  const errors = nodeTopology === undefined ? [] : labelSelector('nodeTopology', nodeTopology);
  errors.push(
    ...invalidBy(checkDns1123Subdomain(storageClassName ?? ''), 'storageClassName', storageClassName ?? ''),
  );
  if (capacity !== undefined && compareQuantities(capacity, '0') < 0)
    errors.push(invalid('capacity', capacity, 'must be greater than or equal to 0'));
  return errors;
}

export const storageRules: Readonly<Record<string, Rules>> = {
  'storage.k8s.io/v1/StorageClass': rules(storageClass, storageClassUpdate),
  'storage.k8s.io/v1/VolumeAttachment': rules(
    attachment,
    (now: VolumeAttachment, old: VolumeAttachment) => immutable('spec', now.spec, old.spec),
    { subresources: { status: attachmentStatus } },
  ),
  'storage.k8s.io/v1/VolumeAttributesClass': rules(attributesClass, attributesClassUpdate, {
    changesFirst: true,
  }),
  'storage.k8s.io/v1/CSIDriver': rules(csiDriver, csiDriverUpdate),
  'storage.k8s.io/v1/CSINode': rules(csiNode, csiNodeUpdate),
  'storage.k8s.io/v1/CSIStorageCapacity': rules(
    storageCapacity,
    (now: CSIStorageCapacity, old: CSIStorageCapacity) => [
      ...immutable('nodeTopology', now.nodeTopology, old.nodeTopology),
      ...immutable('storageClassName', now.storageClassName, old.storageClassName),
    ],
  ),
};
