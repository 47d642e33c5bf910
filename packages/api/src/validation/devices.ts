/** The rules of device claims and slices. */
import type {
  DeviceClaim,
  DeviceClass,
  DeviceSelector,
  ResourceClaim,
  ResourceClaimTemplate,
  ResourceSlice,
} from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain } from '../names.ts';
import { checkName, immutable, oneOf, sizeOf, uniqueNames } from './checks.ts';
import { forbidden, invalid, required, tooMany, type FieldError } from './field-error.ts';
import { rules, type Rules } from './rules.ts';

const MAX_REQUESTS = 32;
const MAX_DEVICES = 128;

function selectors(list: readonly DeviceSelector[] | undefined, at: string): FieldError[] {
  return (list ?? []).flatMap(({ cel }, i) => {
    if (cel === undefined) return [required(`${at}[${i}].cel`)];
    return cel.expression ? [] : [required(`${at}[${i}].cel.expression`)];
  });
}

interface Wanted {
  readonly deviceClassName: string;
  readonly allocationMode?: string;
  readonly count?: number;
  readonly selectors?: readonly DeviceSelector[];
}

function wanted(request: Wanted, at: string): FieldError[] {
  const errors = checkName(`${at}.deviceClassName`, request.deviceClassName, checkDns1123Subdomain);
  errors.push(...oneOf(`${at}.allocationMode`, request.allocationMode, ['All', 'ExactCount']));
  const { count } = request;
  if (request.allocationMode === 'ExactCount' && sizeOf(count ?? 0) <= 0)
    errors.push(invalid(`${at}.count`, count ?? 0, 'must be greater than zero'));
  if (request.allocationMode === 'All' && count !== undefined && count !== 0)
    errors.push(invalid(`${at}.count`, count, "must not be specified when allocationMode is 'All'"));
  return [...errors, ...selectors(request.selectors, `${at}.selectors`)];
}

function deviceClaim(devices: DeviceClaim | undefined, at: string): FieldError[] {
  const requests = devices?.requests ?? [];
  const errors = uniqueNames(requests, (i) => `${at}.requests[${i}].name`);
  if (requests.length > MAX_REQUESTS) errors.push(tooMany(`${at}.requests`, requests.length, MAX_REQUESTS));
  for (const [i, { name, exactly, firstAvailable = [] }] of requests.entries()) {
    const field = `${at}.requests[${i}]`;
    errors.push(...checkName(`${field}.name`, name, checkDns1123Label));
    if (exactly === undefined && firstAvailable.length === 0)
      errors.push(required(field, 'exactly one of `exactly` or `firstAvailable` is required'));
    else if (exactly !== undefined && firstAvailable.length > 0)
      errors.push(
        invalid(
          field,
          null,
          'exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set',
        ),
      );
    if (exactly !== undefined) errors.push(...wanted(exactly, `${field}.exactly`));
    for (const [j, one] of firstAvailable.entries()) {
      errors.push(...checkName(`${field}.firstAvailable[${j}].name`, one.name, checkDns1123Label));
      errors.push(...wanted(one, `${field}.firstAvailable[${j}]`));
    }
  }
  return errors;
}

function slice({ spec }: ResourceSlice): FieldError[] {
  const errors = checkName('spec.driver', spec?.driver, checkDns1123Subdomain);
  if (!spec?.pool?.name) errors.push(required('spec.pool.name'));
  if (sizeOf(spec?.pool?.resourceSliceCount ?? 0) <= 0)
    errors.push(
      invalid(
        'spec.pool.resourceSliceCount',
        spec?.pool?.resourceSliceCount ?? 0,
        'must be greater than zero',
      ),
    );
  const places = [spec?.nodeName, spec?.nodeSelector, spec?.allNodes, spec?.perDeviceNodeSelection].filter(
    (place) => place !== undefined && place !== '' && place !== false,
  );
  if (places.length === 0)
    errors.push(
      required(
        'spec',
        'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required',
      ),
    );
  else if (places.length > 1)
    errors.push(
      invalid(
        'spec',
        null,
        'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
      ),
    );
  const devices = spec?.devices ?? [];
  if (devices.length > MAX_DEVICES) errors.push(tooMany('spec.devices', devices.length, MAX_DEVICES));
  for (const [i, device] of devices.entries())
    errors.push(...checkName(`spec.devices[${i}].name`, device.name, checkDns1123Label));
  return [...errors, ...uniqueNames(devices, (i) => `spec.devices[${i}].name`)];
}

/** A claim that is used is not forgotten: reservations need an allocation. */
function claimStatus(now: ResourceClaim, old: ResourceClaim): FieldError[] {
  const { allocation, reservedFor = [] } = now.status ?? {};
  const errors: FieldError[] = [];
  if (reservedFor.length > 0 && allocation === undefined)
    errors.push(forbidden('status.reservedFor', 'may not be specified when `allocation` is not set'));
  if (old.status?.allocation !== undefined && allocation !== undefined)
    errors.push(...immutable('status.allocation', allocation, old.status.allocation));
  return errors;
}

export const deviceRules: Readonly<Record<string, Rules>> = {
  'resource.k8s.io/v1/DeviceClass': rules(({ spec }: DeviceClass) =>
    selectors(spec?.selectors, 'spec.selectors'),
  ),
  'resource.k8s.io/v1/ResourceClaim': rules(
    ({ spec }: ResourceClaim) => deviceClaim(spec?.devices, 'spec.devices'),
    (now: ResourceClaim, old: ResourceClaim) => immutable('spec', now.spec, old.spec),
    { subresources: { status: claimStatus } },
  ),
  'resource.k8s.io/v1/ResourceClaimTemplate': rules(
    ({ spec }: ResourceClaimTemplate) => deviceClaim(spec?.spec?.devices, 'spec.spec.devices'),
    (now: ResourceClaimTemplate, old: ResourceClaimTemplate) => immutable('spec', now.spec, old.spec),
  ),
  'resource.k8s.io/v1/ResourceSlice': rules(slice, (now: ResourceSlice, old: ResourceSlice) => [
    ...immutable('spec.driver', now.spec?.driver, old.spec?.driver),
    ...immutable('spec.pool.name', now.spec?.pool?.name, old.spec?.pool?.name),
    ...immutable('spec.nodeName', now.spec?.nodeName, old.spec?.nodeName),
  ]),
};
