/**
 * The walk from any JSON value to one in a schema's normal form: the type of every value is checked, what the schema does
 * not know is dropped and told, and every value gets its one form. A wrong type is a `DecodeError` at once.
 */
import { isBigInteger, MAX_PROBLEMS, setOwn, shortPath } from '../json.ts';
import type { Schema } from '../schema.ts';
import { requestEntityTooLarge, StatusError } from '../statuses.ts';
import { isOmitted, isStruct, noteEmpty, zeroScalar } from './absence.ts';
import { wrongType } from './go-names.ts';
import { decodeScalar } from './scalars.ts';

export interface Walk {
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

export function newWalk(owner: string): Walk {
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

export function planOf(schema: Schema): Plan {
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

export function decodeValue(schema: Schema, value: unknown, walk: Walk): unknown {
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
export function decodeFields(schema: Schema, value: object, walk: Walk, out: Record<string, unknown>): void {
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
    if (decoded === undefined) continue;
    if (!isOmitted(field, decoded)) {
      out[key] = decoded;
      if (Array.isArray(decoded) ? decoded.length === 0 : decoded === '' && field.scalar === 'bytes')
        noteEmpty(out, key, decoded);
    } else if (typeof decoded === 'object' || field.scalar === 'bytes') noteEmpty(out, key, decoded);
  }
  for (const [key, field] of plan.standing) {
    const given = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
    if (given !== null && given !== undefined) continue;
    const absent = absentValue(field);
    if (absent !== undefined && !isOmitted(field, absent)) out[key] = absent;
  }
  walk.owner = owner;
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
