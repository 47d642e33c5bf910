/**
 * From any JSON value to a typed object: checks every value's type against the schema, drops what the schema does
 * not know (and says so), and gives values their one form (quantities canonical, times in UTC, absent for null).
 * In: a value, not trusted. Out: a fresh object in normal form, and the problems that strict field validation
 * reports. A wrong type is an error at once: a 400 with the path. Never changes its input.
 */
import type { ResourceInfo } from './registry.ts';
import { apiVersionOf } from './registry.ts';
import { integerValue, isBigInteger, MAX_PROBLEMS, setOwn, shortPath } from './json.ts';
import { canonicalQuantity, QuantityError } from './quantity.ts';
import type { Schema } from './schema.ts';
import { badRequest, requestEntityTooLarge, StatusError } from './statuses.ts';
import {
  formatDuration,
  formatMicroTime,
  formatTime,
  isCanonicalTime,
  parseDuration,
  parseTime,
} from './time.ts';
import type { ObjectMeta } from './generated/types.ts';

/** Any object of the API; `spec`, `status` and the rest are read through the kind's interface. */
export interface ApiObject {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
  [field: string]: unknown;
}

export interface Decoded {
  readonly object: ApiObject;
  /** Such as `unknown field "spec.foo"` and `duplicate field "spec.bar"`, in the order found. */
  readonly problems: readonly string[];
}

/** A value does not fit its schema; the message names the place. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** The 400 of a value that is not what its kind says; `why` is the text without the kind in front. */
export class NotDecodable extends StatusError {
  readonly why: string;
  constructor(given: string, version: string, kind: string, why: string) {
    super(badRequest(`${given} in version "${version}" cannot be handled as a ${kind}: ${why}`));
    this.why = why;
  }
}

interface Walk {
  readonly problems: string[];
  /** Where the walk is: names of fields and indexes of items. Only what is wrong has it made into text. */
  readonly place: (string | number)[];
  /** The innermost message's short name, for error texts. */
  owner: string;
  /** How many messages there were so far. */
  messages: number;
  /** What is decoded as a whole. */
  readonly root?: Schema;
}

/**
 * Messages within one object. With its defaults each would take more than the 1.5 MB that a store takes for an object
 * in all; defaulting and judging a million empty ones would take half a minute.
 */
const MAX_MESSAGES = 50_000;

/**
 * Decodes a body for a resource; `duplicates` come from the parser. Throws a `StatusError` (400) when a value has
 * the wrong type, or `apiVersion` or `kind` are not the resource's; when they are missing they are filled in.
 */
export function decodeStrict(
  info: ResourceInfo,
  value: unknown,
  duplicates: readonly string[] = [],
): Decoded {
  if (info.custom !== undefined) return info.custom.decode(value, duplicates);
  return decodeAs(info.schema, { apiVersion: apiVersionOf(info), kind: info.kind }, value, duplicates);
}

/** The same for any message, such as the body of a subresource. */
export function decodeAs(
  schema: Schema,
  expected: { readonly apiVersion: string; readonly kind: string },
  value: unknown,
  duplicates: readonly string[] = [],
): Decoded {
  const version = expected.apiVersion.split('/').at(-1) ?? '';
  const refuse = (kind: string, text: string): StatusError =>
    new NotDecodable(kind, version, expected.kind, text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refuse(
      expected.kind,
      `json: cannot unmarshal ${jsonWord(value)} into Go value of type ${version}.${expected.kind}`,
    );
  }
  const { apiVersion, kind } = value as ApiObject;
  if (typeof apiVersion === 'string' && apiVersion !== '' && apiVersion !== expected.apiVersion) {
    throw new StatusError(
      badRequest(
        `the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`,
      ),
    );
  }
  if (typeof kind === 'string' && kind !== '' && kind !== expected.kind) {
    throw refuse(kind, `the kind in the data (${kind}) does not match the expected kind (${expected.kind})`);
  }
  const walk: Walk = {
    problems: duplicates.map((path) => `duplicate field "${path}"`),
    place: [],
    owner: expected.kind,
    messages: 0,
    root: schema,
  };
  // What the value says of these was looked at.
  const object: ApiObject = { kind: expected.kind, apiVersion: expected.apiVersion };
  try {
    decodeFields(schema, value, walk, object);
  } catch (error) {
    if (error instanceof DecodeError) throw refuse(expected.kind, error.message);
    throw error;
  }
  return { object, problems: walk.problems.slice(0, MAX_PROBLEMS) };
}

/** The 400 that strict field validation answers problems with. */
export function strictDecodingError(
  type: { readonly version: string; readonly kind: string },
  problems: readonly string[],
): StatusError {
  return new NotDecodable(
    type.kind,
    type.version,
    type.kind,
    `strict decoding error: ${problems.join(', ')}`,
  );
}

/** Brings a value into the schema's normal form without reporting problems; throws a `DecodeError` on a wrong type. */
export function normalize(schema: Schema, value: unknown): unknown {
  return decodeValue(schema, value, newWalk(planOf(schema).name));
}

function newWalk(owner: string): Walk {
  return { problems: [], place: [], owner, messages: 0 };
}

/** What decoding asks of a message's schema for every object. */
interface Plan {
  /** As error texts call it. */
  readonly name: string;
  /** Fields that leave something behind when they are not given; most leave nothing. */
  readonly standing: readonly (readonly [string, Schema])[];
}

const plans = new Map<Schema, Plan>();

function planOf(schema: Schema): Plan {
  let plan = plans.get(schema);
  if (plan === undefined) {
    const { message = '' } = schema;
    const name = message.slice(message.lastIndexOf('.') + 1);
    plan = {
      name,
      standing: [...schema.fields].filter(([, field]) => !leavesNothing(field)),
    };
    plans.set(schema, plan);
  }
  return plan;
}

function leavesNothing(field: Schema): boolean {
  if (field.pointer) return true;
  if (field.kind === 'object') return field.omit === 'zero';
  return absentValue(field) === undefined;
}

function decodeValue(schema: Schema, value: unknown, walk: Walk): unknown {
  switch (schema.kind) {
    case 'scalar':
      return decodeScalar(schema, value, walk);
    case 'object':
      return decodeObject(schema, value, walk);
    case 'raw':
      return decodeRaw(schema, value, walk);
    case 'list':
      return decodeList(schema, value, walk);
    case 'map':
      return decodeMap(schema, value, walk);
    default:
      throw new Error(`no decoding for ${String(schema.kind)}`);
  }
}

function decodeList(schema: Schema, value: unknown, walk: Walk): unknown[] {
  if (!Array.isArray(value)) throw wrongType(schema, value, walk);
  const items = schema.items as Schema;
  const out: unknown[] = [];
  for (let i = 0; i < value.length; i++) {
    const item: unknown = value[i];
    walk.place.push(i);
    out.push(item === null || item === undefined ? zeroValue(items) : decodeValue(items, item, walk));
    walk.place.pop();
  }
  return out;
}

function decodeMap(schema: Schema, value: unknown, walk: Walk): Record<string, unknown> {
  if (!isPlainObject(value)) throw wrongType(schema, value, walk);
  const values = schema.values as Schema;
  // A key is no field: the text of an error about a plain value names the map.
  const namesKeys = values.kind !== 'scalar';
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const item = value[key];
    if (namesKeys) walk.place.push(key);
    setOwn(
      out,
      key,
      item === null || item === undefined ? zeroValue(values) : decodeValue(values, item, walk),
    );
    if (namesKeys) walk.place.pop();
  }
  return out;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isBigInteger(value);
}

function placeText(place: readonly (string | number)[]): string {
  let text = '';
  for (const step of place) text += typeof step === 'number' ? `[${step}]` : text === '' ? step : `.${step}`;
  return text;
}

function decodeObject(schema: Schema, value: unknown, walk: Walk): Record<string, unknown> {
  if (!isPlainObject(value)) throw wrongType(schema, value, walk);
  const out: Record<string, unknown> = {};
  decodeFields(schema, value, walk, out);
  return out;
}

/** Fields come out in the order in which they were given: what was stored is in order already. */
function decodeFields(schema: Schema, value: object, walk: Walk, out: Record<string, unknown>): void {
  if (++walk.messages > MAX_MESSAGES)
    throw new StatusError(requestEntityTooLarge(`more than ${MAX_MESSAGES} objects in one`));
  const { owner, place } = walk;
  const plan = planOf(schema);
  walk.owner = plan.name;
  const { fields } = schema;
  for (const key in value) {
    const field = fields.get(key);
    if (field === undefined) {
      if (walk.problems.length < MAX_PROBLEMS)
        walk.problems.push(`unknown field "${shortPath(placeText([...place, key]))}"`);
      continue;
    }
    const given = (value as Record<string, unknown>)[key];
    if (given === null || given === undefined) continue;
    place.push(key);
    const decoded = decodeValue(field, given, walk);
    place.pop();
    if (decoded !== undefined && !isOmitted(field, decoded)) out[key] = decoded;
  }
  for (const [key, field] of plan.standing) {
    const given = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
    if (given !== null && given !== undefined) continue;
    const absent = absentValue(field);
    if (absent !== undefined && !isOmitted(field, absent)) out[key] = absent;
  }
  walk.owner = owner;
}

/** Whether the normal form leaves a value out, because it says no more than its absence. */
export function isOmitted(field: Schema, value: unknown): boolean {
  if (field.omit === 'never') return false;
  if (Array.isArray(value)) return value.length === 0;
  if (field.kind === 'map') return Object.keys(value as object).length === 0;
  if (field.pointer) return false;
  if (field.omit === 'zero') return value === undefined;
  return !isStruct(field) && (value === '' || value === 0 || value === false);
}

/** Scalars that the reference implementation models as structures: they are never empty. */
function isStruct(field: Schema): boolean {
  return field.scalar === 'intOrString' || field.scalar === 'quantity' || field.scalar === 'duration';
}

/**
 * What the normal form has where nothing was given: nested messages always, and fields that are never left out as
 * their zero.
 */
export function absentValue(field: Schema): unknown {
  if (field.pointer) return undefined;
  if (field.kind === 'object') return field.omit === 'zero' ? undefined : zeroValue(field);
  if (field.omit === 'zero' || (field.omit === 'empty' && !isStruct(field))) return undefined;
  if (field.kind === 'scalar') return zeroScalar(field);
  if (field.kind === 'list') return [];
  return field.kind === 'map' ? {} : undefined;
}

function zeroScalar(schema: Schema): unknown {
  switch (schema.scalar) {
    case 'string':
    case 'bytes':
      return '';
    case 'bool':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 0;
    case 'quantity':
      return '0';
    case 'duration':
      return '0s';
    default:
      return undefined;
  }
}

/** The zero of a list's or map's element. */
function zeroValue(schema: Schema): unknown {
  if (schema.kind === 'object') return decodeObject(schema, {}, newWalk(''));
  if (schema.kind === 'list') return [];
  if (schema.kind === 'map') return {};
  return schema.kind === 'scalar' ? (zeroScalar(schema) ?? null) : null;
}

function decodeRaw(schema: Schema, value: unknown, walk: Walk): unknown {
  if (schema.form === undefined) return value;
  const nested = rawAlternative(schema);
  if (nested === undefined) return value;
  if (Array.isArray(value)) {
    return value.map((item: unknown, i) => {
      if (!isPlainObject(item)) return item;
      walk.place.push(i);
      const decoded = decodeObject(nested, item, walk);
      walk.place.pop();
      return decoded;
    });
  }
  return isPlainObject(value) ? decodeObject(nested, value, walk) : value;
}

function rawAlternative(schema: Schema): Schema | undefined {
  return schema.wire.find((field) => planOf(field).name === 'JSONSchemaProps');
}

const GO_TYPES: Readonly<Record<string, string>> = {
  string: 'string',
  bool: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  bytes: '[]uint8',
  time: 'string',
  microTime: 'string',
  duration: 'string',
  intOrString: 'int32',
  groupVersion: 'string',
};

/** Types with names of their own that no closed set of values tells, by message and field. */
const NAMED_TYPES: Readonly<Record<string, string>> = {
  'ObjectMeta.uid': 'types.UID',
  'ObjectReference.uid': 'types.UID',
  'CSIDriverSpec.volumeLifecycleModes': 'v1.VolumeLifecycleMode',
  'CSIDriverSpec.fsGroupPolicy': 'v1.FSGroupPolicy',
  'FlowDistinguisherMethod.type': 'v1.FlowDistinguisherMethodType',
  'PriorityLevelConfigurationSpec.type': 'v1.PriorityLevelEnablement',
  'LimitResponse.type': 'v1.LimitResponseType',
  'LimitRangeItem.type': 'v1.LimitType',
  'NodeAddress.type': 'v1.NodeAddressType',
  'NodeCondition.type': 'v1.NodeConditionType',
  'NodeCondition.status': 'v1.ConditionStatus',
  'NodeStatus.volumesInUse': 'v1.UniqueVolumeName',
  'Container.restartPolicy': 'v1.ContainerRestartPolicy',
  'VolumeMount.recursiveReadOnly': 'v1.RecursiveReadOnlyMode',
  'EmptyDirVolumeSource.medium': 'v1.StorageMedium',
  'Secret.type': 'v1.SecretType',
  'CustomResourceDefinitionSpec.scope': 'v1.ResourceScope',
  'JSONSchemaProps.$schema': 'v1.JSONSchemaURL',
  'LeaseSpec.strategy': 'v1.CoordinatedLeaseStrategy',
  'MetricSpec.type': 'v2.MetricSourceType',
  'MetricTarget.type': 'v2.MetricTargetType',
  'ResourceMetricSource.name': 'v1.ResourceName',
  'HPAScalingRules.selectPolicy': 'v2.ScalingPolicySelect',
  'LimitRangeItem.default': 'v1.ResourceList',
  'LimitRangeItem.defaultRequest': 'v1.ResourceList',
  'LimitRangeItem.max': 'v1.ResourceList',
  'LimitRangeItem.maxLimitRequestRatio': 'v1.ResourceList',
  'LimitRangeItem.min': 'v1.ResourceList',
  'NodeStatus.allocatable': 'v1.ResourceList',
  'NodeStatus.capacity': 'v1.ResourceList',
  'Overhead.podFixed': 'v1.ResourceList',
  'PersistentVolumeSpec.capacity': 'v1.ResourceList',
  'ResourceQuotaSpec.hard': 'v1.ResourceList',
  'ResourceRequirements.limits': 'v1.ResourceList',
  'ResourceRequirements.requests': 'v1.ResourceList',
  'VolumeResourceRequirements.limits': 'v1.ResourceList',
  'VolumeResourceRequirements.requests': 'v1.ResourceList',
};

function jsonWord(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (isBigInteger(value)) return `number ${value.rawJSON}`;
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'number' : `number ${value}`;
  return value === null ? 'null' : typeof value;
}

function goType(schema: Schema): string {
  if (schema.kind === 'list') return `[]${goType(schema.items as Schema)}`;
  if (schema.kind === 'map') return `map[string]${goType(schema.values as Schema)}`;
  if (schema.enumName !== undefined) return schema.enumName.split('.').slice(-2).join('.');
  if (schema.kind === 'scalar') return GO_TYPES[schema.scalar ?? ''] ?? 'string';
  return schema.message?.split('.').slice(-2).join('.') ?? 'object';
}

function wrongType(schema: Schema, value: unknown, walk: Walk): DecodeError {
  const field = walk.place.findLast((step) => typeof step === 'string') ?? '';
  const named = NAMED_TYPES[`${walk.owner}.${field}`];
  const type = named === undefined ? goType(schema) : schema.kind === 'list' ? `[]${named}` : named;
  return new DecodeError(
    `json: cannot unmarshal ${jsonWord(value)} into Go struct field ${walk.owner}.${goPlace(walk)} of type ${type}`,
  );
}

/**
 * A place as Go names it: without indexes and keys, which are no fields, and with the names of the structures that it
 * embeds, which JSON does not have.
 */
function goPlace({ place, root }: Walk): string {
  let schema: Schema | undefined = root;
  const parts: string[] = [];
  for (const step of place) {
    if (typeof step === 'number') schema = schema?.items;
    else if (schema?.kind === 'map') schema = schema.values;
    else {
      if (schema?.kind === 'object') parts.push(...embeddedWith(schema, step));
      parts.push(step);
      schema = schema?.field(step);
    }
  }
  return parts.join('.');
}

/** The names of the embedded structures, one within the other, that bring a field into a message. */
function embeddedWith(schema: Schema, name: string): readonly string[] {
  for (const part of schema.wire) {
    if (!part.inline) continue;
    const { message = '' } = part;
    if (part.fields.has(name))
      return [message.slice(message.lastIndexOf('.') + 1), ...embeddedWith(part, name)];
  }
  return [];
}

function decodeScalar(schema: Schema, value: unknown, walk: Walk): unknown {
  switch (schema.scalar) {
    case 'string':
    case 'groupVersion':
      if (typeof value === 'string') return value;
      break;
    case 'bool':
      if (typeof value === 'boolean') return value;
      break;
    case 'double':
      if (typeof value === 'number') return value;
      break;
    case 'int32':
      if (typeof value === 'number' && Number.isInteger(value)) {
        if (value === (value | 0)) return value === 0 ? 0 : value;
        throw new DecodeError(
          `json: cannot unmarshal number ${value} into Go struct field ${walk.owner}.${goPlace(walk)} of type int32`,
        );
      }
      break;
    case 'int64':
      if (typeof value === 'number' && Number.isInteger(value)) return value;
      if (isBigInteger(value)) {
        const exact = BigInt(value.rawJSON);
        if (BigInt.asIntN(64, exact) === exact) return integerValue(exact);
      }
      break;
    case 'bytes':
      if (typeof value === 'string') return decodeBytes(value);
      break;
    case 'quantity':
      if (typeof value === 'string' || typeof value === 'number') {
        try {
          return canonicalQuantity(typeof value === 'string' ? value.trim() : value);
        } catch (error) {
          if (error instanceof QuantityError) throw new DecodeError(error.message);
          throw error;
        }
      }
      break;
    case 'intOrString':
      if (typeof value === 'string') return value;
      if (typeof value === 'number' && value === (value | 0)) return value === 0 ? 0 : value;
      break;
    case 'time':
    case 'microTime':
      if (typeof value === 'string') {
        if (schema.scalar === 'time' && isCanonicalTime(value)) return value;
        const instant = parseTime(value);
        if (instant === undefined) {
          const layout =
            schema.scalar === 'time' ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00';
          throw new DecodeError(
            `parsing time ${JSON.stringify(value)} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(value)} as "2006"`,
          );
        }
        return schema.scalar === 'time' ? formatTime(instant) : formatMicroTime(instant);
      }
      break;
    case 'duration':
      if (typeof value === 'string') {
        const nanoseconds = parseDuration(value);
        if (nanoseconds === undefined) {
          throw new DecodeError(`time: invalid duration ${JSON.stringify(value)}`);
        }
        return formatDuration(nanoseconds);
      }
      break;
    default:
  }
  throw wrongType(schema, value, walk);
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decodeBytes(value: string): string {
  const text = /[\r\n]/.test(value) ? value.replaceAll(/[\r\n]/g, '') : value;
  if (!BASE64.test(text)) {
    const at = /[^A-Za-z0-9+/]/.exec(text)?.index ?? text.length - (text.length % 4);
    throw new DecodeError(`illegal base64 data at input byte ${at}`);
  }
  return text;
}
