/**
 * From any JSON value to a typed object: checks every value's type against the schema, drops what the schema does
 * not know (and says so), and gives values their one form (quantities canonical, times in UTC, absent for null).
 * In: a value, not trusted. Out: a fresh object in normal form, and the problems that strict field validation
 * reports. A wrong type is an error at once: a 400 with the path. Never changes its input.
 */
import type { ResourceInfo } from './registry.ts';
import { apiVersionOf } from './registry.ts';
import { DecodeError } from './decode/decode-error.ts';
import { jsonWord, wrongType } from './decode/go-names.ts';
import { decodeScalar } from './decode/scalars.ts';
import { isBigInteger, MAX_PROBLEMS, setOwn, shortPath } from './json.ts';
import type { ApiObject, Decoded } from './object.ts';
import type { Schema } from './schema.ts';
import { badRequest, requestEntityTooLarge, StatusError } from './statuses.ts';

export { DecodeError } from './decode/decode-error.ts';
export type { ApiObject, Decoded } from './object.ts';

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

/**
 * A part of an object that is decoded on its own, such as metadata; `problems` gets those found, below `at`. Throws a
 * `DecodeError` on a wrong type.
 */
export function decodePart(schema: Schema, value: unknown, at: string, problems: string[]): unknown {
  const walk: Walk = { ...newWalk(planOf(schema).name), root: schema };
  const part = decodeValue(schema, value, walk);
  for (const problem of walk.problems) problems.push(problem.replace('"', `"${at}.`));
  return part;
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
  // What such a field holds in one of several forms is read on its own, and nobody says what it did not know.
  const known = walk.problems.length;
  const decoded = decodeForms(schema, value, walk);
  walk.problems.length = known;
  return decoded;
}

function decodeForms(schema: Schema, value: unknown, walk: Walk): unknown {
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
