/** The rules of claims for volumes, those of pods and stateful sets too. */
import type {
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimStatus,
  TypedObjectReference,
} from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkQualifiedName } from '../names.ts';
import { compareQuantities, quantityValue } from '../quantity.ts';
import { immutable, invalidBy, labelSelector, same } from './checks.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { amount, positiveAmount } from './resources.ts';
import { rules, type Rules } from './rules.ts';

const MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
export const VOLUME_MODES = ['Block', 'Filesystem'];

export function accessModes(modes: readonly string[], field: string): FieldError[] {
  const errors = modes.flatMap((mode) => (MODES.includes(mode) ? [] : [notSupported(field, mode, MODES)]));
  const isAlone = modes.every((mode) => mode === 'ReadWriteOncePod' || !MODES.includes(mode));
  if (modes.includes('ReadWriteOncePod') && !isAlone)
    errors.push(forbidden(field, 'may not use ReadWriteOncePod with other access modes'));
  return errors;
}

export function claimSpec(spec: Partial<PersistentVolumeClaimSpec>, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const { accessModes: modes = [], storageClassName, volumeMode, volumeAttributesClassName } = spec;
  if (modes.length === 0) errors.push(required(`${at}.accessModes`, 'at least 1 access mode is required'));
  if (spec.selector !== undefined) errors.push(...labelSelector(`${at}.selector`, spec.selector));
  errors.push(...accessModes(modes, `${at}.accessModes`));
  const size = spec.resources?.requests?.['storage'];
  if (size === undefined) errors.push(required(`${at}.resources[storage]`));
  else errors.push(...positiveAmount(`${at}.resources[storage]`, size));
  if (storageClassName)
    errors.push(
      ...invalidBy(checkDns1123Subdomain(storageClassName), `${at}.storageClassName`, storageClassName),
    );
  if (volumeMode !== undefined && !VOLUME_MODES.includes(volumeMode))
    errors.push(notSupported(`${at}.volumeMode`, volumeMode, VOLUME_MODES));
  errors.push(...dataSources(spec, at));
  if (volumeAttributesClassName)
    errors.push(
      ...invalidBy(
        checkDns1123Subdomain(volumeAttributesClassName),
        `${at}.volumeAttributesClassName`,
        volumeAttributesClassName,
      ),
    );
  return errors;
}

function dataSources(
  { dataSource, dataSourceRef }: Partial<PersistentVolumeClaimSpec>,
  at: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (dataSource !== undefined) errors.push(...dataSourceAt(dataSource, `${at}.dataSource`));
  if (dataSourceRef !== undefined) errors.push(...dataSourceAt(dataSourceRef, `${at}.dataSourceRef`));
  if (dataSource === undefined || dataSourceRef === undefined) return errors;
  const isSame = (['apiGroup', 'kind', 'name'] as const).every(
    (field) => dataSource[field] === dataSourceRef[field],
  );
  if (dataSourceRef.namespace)
    errors.push(
      invalid(at, `${at}.dataSource`, 'may not be specified when dataSourceRef.namespace is specified'),
    );
  else if (!isSame) errors.push(invalid(at, `${at}.dataSource`, 'must match dataSourceRef'));
  return errors;
}

function dataSourceAt(
  { apiGroup = '', kind, name, namespace }: TypedObjectReference,
  at: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${at}.name`));
  if (!kind) errors.push(required(`${at}.kind`));
  if (apiGroup === '' && kind !== 'PersistentVolumeClaim')
    errors.push(
      invalid(at, kind ?? '', "must be 'PersistentVolumeClaim' when referencing the default apiGroup"),
    );
  if (apiGroup !== '') errors.push(...invalidBy(checkDns1123Subdomain(apiGroup), `${at}.apiGroup`, apiGroup));
  if (namespace) errors.push(...invalidBy(checkDns1123Label(namespace), `${at}.namespace`, namespace));
  return errors;
}

function claim({ spec }: PersistentVolumeClaim): FieldError[] {
  return claimSpec(spec ?? {}, 'spec');
}

const IS_FIXED =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
const CLASS = 'volume.beta.kubernetes.io/storage-class';

function claimUpdate(now: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const { spec } = now;
  const before = old.spec;
  if (spec === undefined || before === undefined) return [];
  const [annotated, annotatedBefore] = [
    now.metadata?.annotations?.[CLASS],
    old.metadata?.annotations?.[CLASS],
  ];
  const errors: FieldError[] = [];
  // A class that was an annotation may become the field that it is today.
  const isMoved =
    annotatedBefore !== undefined &&
    before.storageClassName === undefined &&
    spec.storageClassName === annotatedBefore &&
    (annotated === undefined || annotated === annotatedBefore);
  if (!isMoved && (annotated ?? '') !== (annotatedBefore ?? ''))
    errors.push(...immutable(`metadata.annotations.${CLASS}`, annotated ?? '', annotatedBefore ?? ''));
  const isGiven =
    before.storageClassName === undefined &&
    (annotatedBefore === undefined || spec.storageClassName === annotatedBefore);
  const isBound = now.status?.phase === 'Bound';
  const fixed = (from: PersistentVolumeClaimSpec): unknown => {
    const { resources, volumeAttributesClassName, volumeName, storageClassName, ...others } = from;
    const { storage: _size, ...requests } = resources?.requests ?? {};
    return {
      ...others,
      // A claim without a volume or a class gets each of them once.
      volumeName: before.volumeName ? (volumeName ?? '') : '',
      storageClassName: isMoved || isGiven ? '' : storageClassName,
      ...(isBound ? { limits: resources?.limits, requests } : { resources, volumeAttributesClassName }),
    };
  };
  if (!same(fixed(spec), fixed(before))) errors.push(forbidden('spec', IS_FIXED));
  const [size, sizeBefore] = [spec.resources?.requests?.['storage'], before.resources?.requests?.['storage']];
  if (
    compareQuantities(size, sizeBefore) < 0 &&
    compareQuantities(size, old.status?.capacity?.['storage']) <= 0
  )
    errors.push(forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'));
  errors.push(...immutable('volumeMode', spec.volumeMode, before.volumeMode));
  const [attributes, attributesBefore] = [spec.volumeAttributesClassName, before.volumeAttributesClassName];
  if (attributesBefore !== undefined && attributes === undefined)
    errors.push(forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'));
  else if (attributesBefore !== undefined && attributes === '' && attributesBefore !== '')
    errors.push(
      forbidden(
        'spec.volumeAttributesClassName',
        'update from non-nil value to an empty string is forbidden',
      ),
    );
  return errors;
}

const RESIZES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
];

/** A size of storage as a status reports it. */
export function reportedAmount(field: string, quantity: string): FieldError[] {
  return quantityValue(quantity) < 0
    ? [invalid(field, quantityValue(quantity), 'must be a valid resource quantity')]
    : [];
}

function claimStatus({ spec, status = {} }: PersistentVolumeClaim): FieldError[] {
  const errors = (spec?.accessModes ?? []).length === 0 ? [required('Spec.accessModes')] : [];
  for (const [name, quantity] of Object.entries(status.capacity ?? {}))
    errors.push(...reportedAmount(`status.capacity[${name}]`, quantity));
  return [...errors, ...allocated(status)];
}

function allocated({
  allocatedResourceStatuses = {},
  allocatedResources = {},
}: PersistentVolumeClaimStatus): FieldError[] {
  const errors: FieldError[] = [];
  const statuses = 'status.allocatedResourceStatus';
  for (const [name, state] of Object.entries(allocatedResourceStatuses)) {
    errors.push(...resourceKey(statuses, name));
    if (!RESIZES.includes(state)) errors.push(notSupported(statuses, name, RESIZES));
  }
  for (const [name, quantity] of Object.entries(allocatedResources)) {
    const field = `status.allocatedResources[${name}]`;
    const wrong = resourceKey('status.allocatedResources', name);
    if (wrong.length > 0) errors.push(...wrong);
    else {
      const reported = reportedAmount(field, quantity);
      errors.push(...(reported.length > 0 ? reported : amount(field, 'storage', quantity)));
    }
  }
  return errors;
}

/** Of Kubernetes' own resources a claim has storage only. */
function resourceKey(field: string, name: string): FieldError[] {
  const errors = invalidBy(checkQualifiedName(name), field, name);
  if (errors.length > 0 || name === 'storage') return errors;
  const isNative = !name.includes('/') || name.includes('kubernetes.io/');
  return isNative ? [notSupported(field, name, ['storage'])] : [];
}

export const claimRules: Readonly<Record<string, Rules>> = {
  'v1/PersistentVolumeClaim': rules(claim, claimUpdate, { subresources: { status: claimStatus } }),
};
