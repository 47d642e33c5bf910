/** The rules of what makes volumes and attaches them. */
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from '../generated/types.ts';
import { checkDns1123Subdomain, checkQualifiedName } from '../names.ts';
import { compareQuantities } from '../quantity.ts';
import { checkName, immutable, labelSelector, oneOf, same } from './checks.ts';
import { duplicate, forbidden, invalid, required, tooLong, type FieldError } from './field-error.ts';
import { rules, type Rules } from './rules.ts';

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
