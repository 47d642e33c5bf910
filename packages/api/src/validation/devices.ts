/** The rules of device claims as they are allocated, reserved and reported on; and the table of all kinds of devices. */
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaim,
  ResourceClaimConsumerReference,
} from '../generated/types.ts';
import { checkDns1123Label } from '../names.ts';
import { interfaceAddress } from './addresses.ts';
import { immutable, invalidBy, oneOf } from './checks.ts';
import { validateConditions } from './conditions.ts';
import {
  claim,
  claimTemplate,
  deviceClass,
  deviceConfiguration,
  MAX_LIST,
  requestNames,
  requestReference,
  requestReferences,
  sameSpec,
  type RequestNames,
} from './device-claims.ts';
import {
  bindingConditions,
  deviceToleration,
  distinctItems,
  driverData,
  items,
  poolName,
} from './device-names.ts';
import { sliceRules } from './device-slices.ts';
import { forbidden, invalid, required, tooLong, tooMany, type FieldError } from './field-error.ts';
import { nodeSelector } from './placement.ts';
import { rules, type Rules } from './rules.ts';
import { driverName } from './volume-sources.ts';

const MAX_CONSUMERS = 256;
const MAX_CONDITIONS = 8;
const MAX_DATA = 10 * 1024;
const MAX_INTERFACE_NAME = 256;
const MAX_HARDWARE_ADDRESS = 128;
const MAX_ADDRESSES = 16;

function claimStatus(now: ResourceClaim, old: ResourceClaim): FieldError[] {
  const { allocation, reservedFor = [], devices } = now.status ?? {};
  const errors = distinctItems(reservedFor, MAX_CONSUMERS, 'status.reservedFor', consumer, ({ uid }) => uid);
  const allocated = new Set((allocation?.devices?.results ?? []).map(deviceOf));
  errors.push(
    ...distinctItems(
      devices,
      Number.POSITIVE_INFINITY,
      'status.devices',
      (one, at) => report(one, at, allocated),
      deviceOf,
    ),
  );
  errors.push(...reservations(now, old));
  if (allocation === undefined) return errors;
  if (old.status?.allocation !== undefined)
    errors.push(...immutable('status.allocation', allocation, old.status.allocation));
  else errors.push(...result(allocation, 'status.allocation', requestNames(now.spec?.devices)));
  return errors;
}

/** A claim that is used is not forgotten: reservations need an allocation, and none is added while it goes. */
function reservations({ metadata, status }: ResourceClaim, old: ResourceClaim): FieldError[] {
  const reserved = status?.reservedFor ?? [];
  if (reserved.length === 0) return [];
  if (status?.allocation === undefined)
    return [forbidden('status.reservedFor', 'may not be specified when `allocated` is not set')];
  if (metadata?.deletionTimestamp === undefined) return [];
  const before = new Set((old.status?.reservedFor ?? []).map(consumerKey));
  return reserved.every((one) => before.has(consumerKey(one)))
    ? []
    : [
        forbidden(
          'status.reservedFor',
          'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set',
        ),
      ];
}

function consumerKey({ apiGroup = '', resource, name, uid }: ResourceClaimConsumerReference): string {
  return JSON.stringify([apiGroup, resource, name, uid]);
}

function consumer(one: ResourceClaimConsumerReference, at: string): FieldError[] {
  return (['resource', 'name', 'uid'] as const).flatMap((field) =>
    one[field] ? [] : [required(`${at}.${field}`)],
  );
}

interface SharedDevice {
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
  readonly shareID?: string;
}

function deviceOf({ driver, pool, device, shareID }: SharedDevice): string {
  const name = `${driver}/${pool}/${device}`;
  return shareID ? `${name}/${shareID}` : name;
}

/** What names a device, in every record of it. */
function naming(one: SharedDevice, at: string): FieldError[] {
  return [
    ...driverName(`${at}.driver`, one.driver),
    ...poolName(one.pool, `${at}.pool`),
    ...invalidBy(checkDns1123Label(one.device ?? ''), `${at}.device`, one.device ?? ''),
  ];
}

const HEX = '[0-9a-fA-F]';
const DASHED = `${HEX}{8}-${HEX}{4}-${HEX}{4}-${HEX}{4}-${HEX}{12}`;
const UUID = new RegExp(`^(?:(?:urn:uuid:)?${DASHED}|\\{${DASHED}\\}|${HEX}{32})$`, 'i');
const LENGTHS = [32, 36, 38, 45];

function shareId(id: string | undefined, field: string): FieldError[] {
  if (id === undefined) return [];
  if (!UUID.test(id)) {
    const why = LENGTHS.includes(id.length) ? 'invalid UUID format' : `invalid UUID length: ${id.length}`;
    return [invalid(field, id, `error validating uid: ${why}`)];
  }
  return id.length === 36 && id === id.toLowerCase()
    ? []
    : [
        invalid(
          field,
          id,
          'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters',
        ),
      ];
}

function result(
  { devices, nodeSelector: nodes }: AllocationResult,
  at: string,
  names: RequestNames,
): FieldError[] {
  const errors = items(devices?.results, MAX_LIST, `${at}.devices.results`, (one, field) =>
    allocatedDevice(one, field, names),
  );
  // As many of the class as of the claim.
  errors.push(
    ...items(devices?.config, 2 * MAX_LIST, `${at}.devices.config`, (one, field) =>
      allocatedConfiguration(one, field, names),
    ),
  );
  if (nodes !== undefined) errors.push(...nodeSelector(nodes, `${at}.nodeSelector`));
  return errors;
}

function allocatedDevice(one: DeviceRequestAllocationResult, at: string, names: RequestNames): FieldError[] {
  const errors = requestReference(one.request, `${at}.request`, names);
  errors.push(...naming(one, at));
  errors.push(...bindingConditions(one.bindingConditions, one.bindingFailureConditions, at));
  for (const [i, toleration] of (one.tolerations ?? []).entries())
    errors.push(...deviceToleration(toleration, `${at}.tolerations[${i}]`));
  return [...errors, ...shareId(one.shareID, `${at}.shareID`)];
}

function allocatedConfiguration(
  one: DeviceAllocationConfiguration,
  at: string,
  names: RequestNames,
): FieldError[] {
  return [
    ...oneOf(`${at}.source`, one.source, ['FromClaim', 'FromClass']),
    ...requestReferences(one.requests, `${at}.requests`, names),
    ...deviceConfiguration(one, at),
  ];
}

/** What a driver says of a device that is allocated. */
function report(one: AllocatedDeviceStatus, at: string, allocated: ReadonlySet<string>): FieldError[] {
  const errors = naming(one, at);
  errors.push(...shareId(one.shareID, `${at}.shareID`));
  const id = deviceOf(one);
  if (!allocated.has(id)) errors.push(invalid(at, id, 'must be an allocated device in the claim'));
  const { conditions = [], data, networkData } = one;
  if (conditions.length > MAX_CONDITIONS)
    errors.push(tooMany(`${at}.conditions`, conditions.length, MAX_CONDITIONS));
  errors.push(...validateConditions(conditions, `${at}.conditions`));
  if (data !== undefined) errors.push(...driverData(data, MAX_DATA, `${at}.data`));
  if (networkData !== undefined) errors.push(...network(networkData, `${at}.networkData`));
  return errors;
}

function network(
  { interfaceName = '', hardwareAddress = '', ips }: NetworkDeviceData,
  at: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(interfaceName) > MAX_INTERFACE_NAME)
    errors.push(tooLong(`${at}.interfaceName`, MAX_INTERFACE_NAME));
  if (Buffer.byteLength(hardwareAddress) > MAX_HARDWARE_ADDRESS)
    errors.push(tooLong(`${at}.hardwareAddress`, MAX_HARDWARE_ADDRESS));
  const addresses = distinctItems(
    ips,
    MAX_ADDRESSES,
    `${at}.ips`,
    (text, field) => interfaceAddress(field, text),
    (text) => text,
  );
  return [...errors, ...addresses];
}

export const deviceRules: Readonly<Record<string, Rules>> = {
  'resource.k8s.io/v1/DeviceClass': rules(deviceClass),
  'resource.k8s.io/v1/ResourceClaim': rules(() => [], sameSpec, {
    // What a claim says is never changed, and so never looked at again.
    create: claim,
    ownSets: ['spec'],
    subresources: { status: claimStatus },
  }),
  'resource.k8s.io/v1/ResourceClaimTemplate': rules(claimTemplate, sameSpec),
  'resource.k8s.io/v1/ResourceSlice': sliceRules,
};
