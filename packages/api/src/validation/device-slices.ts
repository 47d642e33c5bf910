/** The rules of slices: what a driver says of the devices it offers. */
import { wasSentEmpty } from '../decode/absence.ts';
import type {
  Counter,
  CounterSet,
  Device,
  DeviceAttribute,
  DeviceCounterConsumption,
  NodeSelector,
  ResourcePool,
  ResourceSlice,
} from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain } from '../names.ts';
import { immutable, invalidBy, sizeOf } from './checks.ts';
import { capacityRequests } from './device-capacity.ts';
import { bindingConditions, deviceKey, deviceTaint, distinctItems, items, poolName } from './device-names.ts';
import { invalid, required, tooLong, tooMany, type FieldError } from './field-error.ts';
import { nodeSelector } from './placement.ts';
import { rules } from './rules.ts';
import { driverName } from './volume-sources.ts';

const MAX_DEVICES = 128;
/** When one of them is tainted or consumes counters, which costs who allocates them more. */
const MAX_DEMANDING_DEVICES = 64;
const MAX_KEYS = 32;
const MAX_TAINTS = 16;
const MAX_COUNTER_SETS = 8;
const MAX_CONSUMPTIONS = 2;
const MAX_COUNTERS = 32;
const MAX_VALUE = 64;

function slice({ spec }: ResourceSlice): FieldError[] {
  const errors = spec?.driver ? driverName('spec.driver', spec.driver) : [required('spec.driver')];
  errors.push(...pool(spec?.pool, 'spec.pool'));
  errors.push(...slicePlace(spec ?? {}, 'spec'));
  if (spec?.sharedCounters !== undefined && spec.devices !== undefined)
    errors.push(invalid('spec', '', 'only one of `sharedCounters` or `devices` is allowed'));
  const devices = spec?.devices ?? [];
  const isDemanding = devices.some(
    ({ taints = [], consumesCounters = [] }) => taints.length + consumesCounters.length > 0,
  );
  const max = isDemanding ? MAX_DEMANDING_DEVICES : MAX_DEVICES;
  const isEach = spec?.perDeviceNodeSelection === true;
  errors.push(
    ...distinctItems(
      devices,
      max,
      'spec.devices',
      (one, at) => device(one, at, isEach),
      ({ name }) => name,
    ),
  );
  errors.push(
    ...distinctItems(
      spec?.sharedCounters,
      MAX_COUNTER_SETS,
      'spec.sharedCounters',
      counterSet,
      ({ name }) => name,
    ),
  );
  return errors;
}

function pool(
  { name, resourceSliceCount = 0, generation = 0 }: Partial<ResourcePool> = {},
  at: string,
): FieldError[] {
  const errors = poolName(name, `${at}.name`);
  if (sizeOf(resourceSliceCount) <= 0)
    errors.push(invalid(`${at}.resourceSliceCount`, resourceSliceCount, 'must be greater than zero'));
  if (sizeOf(generation) < 0)
    errors.push(invalid(`${at}.generation`, generation, 'must be greater than or equal to zero'));
  return errors;
}

interface Place {
  readonly nodeName?: string;
  readonly nodeSelector?: NodeSelector;
  readonly allNodes?: boolean;
  readonly perDeviceNodeSelection?: boolean;
}

/** Where devices are: what is wrong with what is said of it, and the fields that say so. */
function place(one: Place, at: string, noName: string): { errors: FieldError[]; set: string[] } {
  const errors: FieldError[] = [];
  const set: string[] = [];
  const { nodeName, nodeSelector: selector } = one;
  if (nodeName === '') errors.push(invalid(`${at}.nodeName`, nodeName, noName));
  else if (nodeName !== undefined) {
    set.push('`nodeName`');
    errors.push(...invalidBy(checkDns1123Subdomain(nodeName), `${at}.nodeName`, nodeName));
  }
  if (selector !== undefined) {
    set.push('`nodeSelector`');
    errors.push(...nodeSelector(selector, `${at}.nodeSelector`));
  }
  return { errors, set };
}

function marked(
  one: Place,
  field: 'allNodes' | 'perDeviceNodeSelection',
  at: string,
  set: string[],
): FieldError[] {
  if (one[field] === true) set.push(`\`${field}\``);
  return one[field] === false
    ? [invalid(`${at}.${field}`, false, 'must be either unset or set to true')]
    : [];
}

const ONE_PLACE =
  'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';

function slicePlace(spec: Place, at: string): FieldError[] {
  const { errors, set } = place(spec, at, 'must be either unset or set to a non-empty string');
  const terms = spec.nodeSelector?.nodeSelectorTerms ?? [];
  if (spec.nodeSelector !== undefined && terms.length !== 1)
    errors.push(
      invalid(
        `${at}.nodeSelector.nodeSelectorTerms`,
        terms.length > 0 || wasSentEmpty(spec.nodeSelector, 'nodeSelectorTerms') ? terms : undefined,
        'must have exactly one node selector term',
      ),
    );
  errors.push(...marked(spec, 'allNodes', at, set), ...marked(spec, 'perDeviceNodeSelection', at, set));
  if (set.length === 0) errors.push(required(at, ONE_PLACE));
  else if (set.length > 1)
    errors.push(invalid(at, `{${set.join(', ')}}`, `${ONE_PLACE}, but multiple fields are set`));
  return errors;
}

const ONE_DEVICE_PLACE =
  'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';

function devicePlace(one: Device, at: string, isEach: boolean): FieldError[] {
  const { nodeName, nodeSelector: selector, allNodes } = one;
  if (!isEach)
    return nodeName === undefined && selector === undefined && allNodes === undefined
      ? []
      : [
          invalid(
            at,
            null,
            '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec',
          ),
        ];
  const { errors, set } = place(one, at, 'must not be empty');
  errors.push(...marked(one, 'allNodes', at, set));
  if (set.length === 0) errors.push(required(at, ONE_DEVICE_PLACE));
  else if (set.length > 1) errors.push(invalid(at, `{${set.join(', ')}}`, ONE_DEVICE_PLACE));
  return errors;
}

function device(one: Device, at: string, isEach: boolean): FieldError[] {
  const { attributes = {}, capacity = {}, taints, consumesCounters } = one;
  const errors = invalidBy(checkDns1123Label(one.name ?? ''), `${at}.name`, one.name ?? '');
  const keys = Object.keys(attributes).length + Object.keys(capacity).length;
  if (keys > MAX_KEYS)
    errors.push(
      invalid(at, keys, `the total number of attributes and capacities must not exceed ${MAX_KEYS}`),
    );
  for (const [name, value] of Object.entries(attributes)) {
    errors.push(...deviceKey(name, `${at}.attributes`));
    errors.push(...attribute(value, `${at}.attributes[${shortened(name)}]`));
  }
  for (const [name, value] of Object.entries(capacity)) {
    errors.push(...deviceKey(name, `${at}.capacity`));
    const field = `${at}.capacity[${shortened(name)}].requestPolicy`;
    errors.push(...capacityRequests(value, one.allowMultipleAllocations === true, field));
  }
  errors.push(...items(taints, MAX_TAINTS, `${at}.taints`, deviceTaint));
  errors.push(
    ...distinctItems(
      consumesCounters,
      MAX_CONSUMPTIONS,
      `${at}.consumesCounters`,
      consumption,
      ({ counterSet: name }) => name,
    ),
  );
  errors.push(...devicePlace(one, at, isEach));
  return [...errors, ...bindingConditions(one.bindingConditions, one.bindingFailureConditions, at)];
}

const MAX_KEY = 63 + 1 + 32;

/** A key in a path; one that is too long loses its middle. */
function shortened(key: string): string {
  if (key.length <= MAX_KEY) return key;
  const left = MAX_KEY - 3;
  return `${key.slice(0, Math.floor((left + 1) / 2))}...${key.slice(key.length - Math.floor(left / 2))}`;
}

const VERSION =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;

function attribute(one: DeviceAttribute, at: string): FieldError[] {
  const { bool, int, string, version } = one;
  const errors: FieldError[] = [];
  if (string !== undefined && Buffer.byteLength(string) > MAX_VALUE)
    errors.push(tooLong(`${at}.string`, MAX_VALUE));
  if (version !== undefined) {
    const isLong = Buffer.byteLength(version) > MAX_VALUE;
    // Longer ones are not matched: their time would grow with their length.
    if (isLong || !VERSION.test(version))
      errors.push(
        invalid(`${at}.version`, version, 'must be a string compatible with semver.org spec 2.0.0'),
      );
    if (isLong) errors.push(tooLong(`${at}.version`, MAX_VALUE));
  }
  const count = [bool, int, string, version].filter((value) => value !== undefined).length;
  if (count !== 1) errors.push(invalid(at, count === 0 ? '' : one, 'exactly one value must be specified'));
  return errors;
}

function counters(map: Readonly<Record<string, Counter>> | undefined, field: string): FieldError[] {
  const names = Object.keys(map ?? {});
  if (names.length === 0) return [required(field)];
  if (names.length > MAX_COUNTERS) return [tooMany(field, names.length, MAX_COUNTERS)];
  return names.flatMap((name) => invalidBy(checkDns1123Label(name), field, name));
}

function counterName(name: string | undefined, field: string): FieldError[] {
  return name ? invalidBy(checkDns1123Label(name), field, name) : [required(field)];
}

function counterSet({ name, counters: map }: CounterSet, at: string): FieldError[] {
  return [...counterName(name, `${at}.name`), ...counters(map, `${at}.counters`)];
}

function consumption(
  { counterSet: name, counters: map }: DeviceCounterConsumption,
  at: string,
): FieldError[] {
  return [...counterName(name, `${at}.counterSet`), ...counters(map, `${at}.counters`)];
}

function sliceUpdate(now: ResourceSlice, old: ResourceSlice): FieldError[] {
  return [
    ...immutable('spec.pool.name', now.spec?.pool?.name, old.spec?.pool?.name),
    ...immutable('spec.driver', now.spec?.driver, old.spec?.driver),
    ...immutable('spec.nodeName', now.spec?.nodeName, old.spec?.nodeName),
  ];
}

export const sliceRules = rules(slice, sliceUpdate, { changedBefore: /^spec(?!\.(?:driver|pool))/ });
