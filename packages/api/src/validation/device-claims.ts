/** The rules of claims of devices, of their templates and of classes of devices: what is wanted and how it is set up. */
import type {
  DeviceClaim,
  DeviceClass,
  DeviceConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceClaimTemplate,
} from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain } from '../names.ts';
import { checkName, immutable, invalidBy, sizeOf } from './checks.ts';
import { deviceToleration, distinctItems, driverData, fullDeviceKey, items } from './device-names.ts';
import { forbidden, invalid, notSupported, required, tooLong, type FieldError } from './field-error.ts';
import { validateTemplateMetadata } from './metadata.ts';
import { isExtendedResource } from './resources.ts';
import { driverName } from './volume-sources.ts';

/** Requests, constraints, configurations and selectors of one list. */
export const MAX_LIST = 32;
const MAX_ALTERNATIVES = 8;
const MAX_EXPRESSION = 10 * 1024;
const MAX_PARAMETERS = 10 * 1024;

/** The requests that there are, with the alternatives of each. */
export type RequestNames = ReadonlyMap<string, ReadonlySet<string>>;

export function requestNames(claim: DeviceClaim | undefined): RequestNames {
  return new Map(
    (claim?.requests ?? []).map(({ name, firstAvailable = [] }) => [
      name,
      new Set(firstAvailable.map((one) => one.name)),
    ]),
  );
}

const NO_REQUEST =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

export function requestReference(name: string | undefined, field: string, names: RequestNames): FieldError[] {
  const text = name ?? '';
  const [request = '', alternative, ...more] = text.split('/');
  if (more.length > 0) return [invalid(field, text, NO_REQUEST)];
  const errors = [request, ...(alternative === undefined ? [] : [alternative])].flatMap((part) =>
    invalidBy(checkDns1123Label(part), field, part),
  );
  const known = names.get(request);
  if (known === undefined || (alternative !== undefined && !known.has(alternative)))
    errors.push(invalid(field, text, NO_REQUEST));
  return errors;
}

export function requestReferences(
  list: readonly string[] | undefined,
  path: string,
  names: RequestNames,
): FieldError[] {
  return distinctItems(
    list,
    MAX_LIST,
    path,
    (name, at) => requestReference(name, at, names),
    (name) => name,
  );
}

export function deviceConfiguration({ opaque }: DeviceConfiguration, at: string): FieldError[] {
  if (opaque === undefined) return [required(`${at}.opaque`)];
  return [
    ...driverName(`${at}.opaque.driver`, opaque.driver),
    ...driverData(opaque.parameters, MAX_PARAMETERS, `${at}.opaque.parameters`),
  ];
}

function selector({ cel }: DeviceSelector, at: string): FieldError[] {
  if (cel === undefined) return [required(`${at}.cel`)];
  // An empty one does not compile.
  return Buffer.byteLength(cel.expression ?? '') > MAX_EXPRESSION
    ? [tooLong(`${at}.cel.expression`, MAX_EXPRESSION)]
    : [];
}

function wanted(one: ExactDeviceRequest | DeviceSubRequest, at: string): FieldError[] {
  const { allocationMode: mode = '', count = 0 } = one;
  const errors = checkName(`${at}.deviceClassName`, one.deviceClassName, checkDns1123Subdomain);
  errors.push(...items(one.selectors, MAX_LIST, `${at}.selectors`, selector));
  if (mode === 'All') {
    if (sizeOf(count) !== 0)
      errors.push(invalid(`${at}.count`, count, "must not be specified when allocationMode is 'All'"));
  } else if (mode === 'ExactCount') {
    if (sizeOf(count) <= 0) errors.push(invalid(`${at}.count`, count, 'must be greater than zero'));
  } else errors.push(notSupported(`${at}.allocationMode`, mode, ['All', 'ExactCount']));
  for (const [i, toleration] of (one.tolerations ?? []).entries())
    errors.push(...deviceToleration(toleration, `${at}.tolerations[${i}]`));
  return errors;
}

function deviceRequest({ name, exactly, firstAvailable = [] }: DeviceRequest, at: string): FieldError[] {
  const errors = invalidBy(checkDns1123Label(name ?? ''), `${at}.name`, name ?? '');
  const one = 'exactly one of `exactly` or `firstAvailable` is required';
  if (firstAvailable.length === 0)
    return exactly === undefined
      ? [...errors, required(at, one)]
      : [...errors, ...wanted(exactly, `${at}.exactly`)];
  if (exactly !== undefined) return [...errors, invalid(at, null, `${one}, but multiple fields are set`)];
  const alternatives = distinctItems(
    firstAvailable,
    MAX_ALTERNATIVES,
    `${at}.firstAvailable`,
    alternative,
    (sub) => sub.name,
  );
  return [...errors, ...alternatives];
}

function alternative(one: DeviceSubRequest, at: string): FieldError[] {
  const name = one.name ?? '';
  return [...invalidBy(checkDns1123Label(name), `${at}.name`, name), ...wanted(one, at)];
}

function constraint(one: DeviceConstraint, at: string, names: RequestNames): FieldError[] {
  const errors = requestReferences(one.requests, `${at}.requests`, names);
  if (one.matchAttribute !== undefined)
    errors.push(...fullDeviceKey(one.matchAttribute, `${at}.matchAttribute`));
  else if (one.distinctAttribute !== undefined)
    errors.push(...fullDeviceKey(one.distinctAttribute, `${at}.distinctAttribute`));
  else
    errors.push(
      required(
        at,
        // In upstream's words, although none is set.
        'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set',
      ),
    );
  return errors;
}

function deviceClaim(claim: DeviceClaim | undefined, path: string): FieldError[] {
  const names = requestNames(claim);
  return [
    ...distinctItems(claim?.requests, MAX_LIST, `${path}.requests`, deviceRequest, ({ name }) => name),
    ...items(claim?.constraints, MAX_LIST, `${path}.constraints`, (one, at) => constraint(one, at, names)),
    ...items(claim?.config, MAX_LIST, `${path}.config`, (one, at) => [
      ...requestReferences(one.requests, `${at}.requests`, names),
      ...deviceConfiguration(one, at),
    ]),
  ];
}

export function claim({ spec }: ResourceClaim): FieldError[] {
  return deviceClaim(spec?.devices, 'spec.devices');
}

/** What a claim gets by itself, in upstream's order and with its names. */
const OWN_METADATA = [
  ['name', 'name'],
  ['generateName', 'generateName'],
  ['namespace', 'namespace'],
  ['selfLink', 'selfLink'],
  ['uid', 'uID'],
  ['resourceVersion', 'resourceVersion'],
  ['generation', 'generation'],
  ['creationTimestamp', 'creationTimestamp'],
  ['deletionTimestamp', 'deletionTimestamp'],
  ['deletionGracePeriodSeconds', 'deletionGracePeriodSeconds'],
  ['ownerReferences', 'ownerReferences'],
  ['finalizers', 'finalizers'],
  ['managedFields', 'managedFields'],
] as const;

export function claimTemplate({ spec }: ResourceClaimTemplate): FieldError[] {
  const metadata = spec?.metadata ?? {};
  return [
    ...validateTemplateMetadata(metadata, 'spec.metadata'),
    ...OWN_METADATA.filter(([field]) => isSet(metadata[field])).map(([, name]) =>
      forbidden(`spec.metadata.${name}`, 'cannot be set'),
    ),
    ...deviceClaim(spec?.spec?.devices, 'spec.spec.devices'),
  ];
}

function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== '' && value !== 0;
}

/** A claim says once what it wants. */
export function sameSpec(
  now: ResourceClaim | ResourceClaimTemplate,
  old: ResourceClaim | ResourceClaimTemplate,
): FieldError[] {
  return immutable('spec', now.spec, old.spec);
}

export function deviceClass({ spec }: DeviceClass): FieldError[] {
  const errors = items(spec?.selectors, MAX_LIST, 'spec.selectors', selector);
  errors.push(...items(spec?.config, MAX_LIST, 'spec.config', deviceConfiguration));
  const name = spec?.extendedResourceName;
  if (name !== undefined && !isExtendedResource(name))
    errors.push(invalid('spec.extendedResourceName', name, 'must be a valid extended resource name'));
  return errors;
}
