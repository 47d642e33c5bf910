/**
 * Protobuf messages to objects in normal form, driven by the schema, as `message-writer.ts` writes them: unknown fields are
 * skipped, and what is absent is what it is in JSON. Invariant: reading makes no more objects, and none deeper, than the
 * decoder of JSON would.
 */
import { isOmitted } from '../decode/absence.ts';
import { absentValue } from '../decode/walk.ts';
import { integerValue, MAX_DEPTH, setOwn } from '../json.ts';
import type { Schema } from '../schema.ts';
import { formatDuration, formatMicroTime, formatTime } from '../time.ts';
import { isEnveloped } from './envelope.ts';
import { BYTES, FIXED64, ProtobufError, type Reader, VARINT } from './wire.ts';

type Fields = Record<string, unknown>;

const numbered = new WeakMap<Schema, ReadonlyMap<number, Schema>>();

function fieldsByNumber(schema: Schema): ReadonlyMap<number, Schema> {
  let found = numbered.get(schema);
  if (found === undefined) {
    found = new Map(schema.wire.map((field) => [field.number, field]));
    numbered.set(schema, found);
  }
  return found;
}

/** An empty message takes two bytes: see the bound that the decoder of values keeps for the same reason. */
const MAX_MESSAGES = 50_000;
let messages = 0;

/** Reads a message into normal form. Throws a `ProtobufError` on malformed bytes. */
export function readMessage(reader: Reader, schema: Schema, depth = 0): Fields {
  if (depth > MAX_DEPTH) throw new ProtobufError('exceeded max depth');
  // Reading never waits: one count is enough.
  messages = depth === 0 ? 1 : messages + 1;
  if (messages > MAX_MESSAGES) throw new ProtobufError(`more than ${MAX_MESSAGES} messages in one object`);
  const byNumber = fieldsByNumber(schema);
  const found: Fields = {};
  while (!reader.done) {
    const tag = reader.small();
    const type = tag & 7;
    const field = byNumber.get(tag >>> 3);
    if (field === undefined) {
      reader.skip(type);
      continue;
    }
    if (type !== wireType(field)) {
      throw new ProtobufError(`wrong wireType = ${type} for field ${field.name}`);
    }
    readField(reader, field, found, depth);
  }
  // JSON's order of fields is not protobuf's, and inlined messages stand in their parent.
  const out: Fields = {};
  for (const [name, field] of schema.fields) {
    const value = found[name] ?? (name === 'kind' || name === 'apiVersion' ? undefined : absentValue(field));
    if (value !== undefined && !isOmitted(field, value)) out[name] = value;
  }
  return out;
}

function wireType(field: Schema): number {
  const scalar = field.kind === 'list' && field.form === undefined ? field.items?.scalar : field.scalar;
  if (scalar === 'bool' || scalar === 'int32' || scalar === 'int64') return VARINT;
  return scalar === 'double' ? FIXED64 : BYTES;
}

function readField(reader: Reader, field: Schema, found: Fields, depth: number): void {
  if (field.inline) {
    Object.assign(found, readMessage(reader.message(), field, depth + 1));
  } else if (field.kind === 'list' && field.form === undefined) {
    const list = (found[field.name] ??= []) as unknown[];
    list.push(readValue(reader, field.items as Schema, depth) ?? null);
  } else if (field.kind === 'map') {
    const map = (found[field.name] ??= {}) as Fields;
    const entry = reader.message();
    let key = '';
    let value: unknown;
    const values = field.values as Schema;
    while (!entry.done) {
      const tag = entry.small();
      if (tag >>> 3 === 1) key = entry.string();
      else if (tag >>> 3 === 2) value = readValue(entry, values, depth);
      else entry.skip(tag & 7);
    }
    setOwn(map, key, value ?? (values.scalar === 'string' || values.scalar === 'bytes' ? '' : null));
  } else {
    const value = readValue(reader, field, depth);
    if (value !== undefined) found[field.name] = value;
  }
}

function readValue(reader: Reader, schema: Schema, depth: number): unknown {
  if (schema.kind === 'object') return readMessage(reader.message(), schema, depth + 1);
  if (schema.kind === 'scalar') return readScalar(reader, schema);
  if (schema.form === 'stringList') {
    const out: string[] = [];
    eachField(reader.message(), (number, inner) => {
      if (number !== 1) return false;
      out.push(inner.string());
      return true;
    });
    return out;
  }
  if (schema.form !== undefined) return readAlternative(reader.message(), schema, depth + 1);
  let raw: Buffer | undefined;
  eachField(reader.message(), (number, inner) => {
    if (number !== 1) return false;
    raw = inner.bytes();
    return true;
  });
  return raw === undefined || raw.length === 0 ? undefined : readRaw(raw);
}

/** JSON, or a whole enveloped object, which then must be decoded by whoever knows its kind. */
function readRaw(raw: Buffer): unknown {
  if (isEnveloped(raw)) throw new ProtobufError('a nested object must be encoded as JSON');
  try {
    return JSON.parse(raw.toString('utf8')) as unknown;
  } catch {
    throw new ProtobufError('a raw field does not hold JSON');
  }
}

function eachField(reader: Reader, visit: (number: number, reader: Reader) => boolean): void {
  while (!reader.done) {
    const tag = reader.small();
    if (!visit(tag >>> 3, reader)) reader.skip(tag & 7);
  }
}

function readScalar(reader: Reader, schema: Schema): unknown {
  switch (schema.scalar) {
    case 'string':
      return reader.string();
    case 'bool':
      return reader.varint() !== 0n;
    case 'int32':
      return reader.int32();
    case 'int64':
      return integerValue(reader.int64());
    case 'double':
      return reader.double();
    case 'bytes':
      return reader.bytes().toString('base64');
    default:
  }
  let first: bigint | undefined;
  let second: bigint | undefined;
  const texts: string[] = [];
  eachField(reader.message(), (number, inner) => {
    const isText =
      schema.scalar === 'quantity' ||
      schema.scalar === 'groupVersion' ||
      (schema.scalar === 'intOrString' && number === 3);
    if (number < 1 || number > 3) return false;
    if (isText) texts[number] = inner.string();
    else if (number === 1) first = inner.int64();
    else if (number === 2) second = inner.int64();
    else return false;
    return true;
  });
  switch (schema.scalar) {
    case 'quantity':
      return texts[1] === undefined || texts[1] === '' ? '0' : texts[1];
    case 'groupVersion':
      return texts[1] ? `${texts[1]}/${texts[2] ?? ''}` : (texts[2] ?? '');
    case 'intOrString':
      return first === 1n ? (texts[3] ?? '') : Number(BigInt.asIntN(32, second ?? 0n));
    case 'duration':
      return formatDuration(first ?? 0n);
    default: {
      if (first === undefined) return undefined;
      if (first < -62_135_596_800n || first > 253_402_300_799n) throw new ProtobufError('time out of range');
      const instant = { seconds: Number(first), nanos: Number(second ?? 0n) };
      return schema.scalar === 'time' ? formatTime(instant) : formatMicroTime(instant);
    }
  }
}

function readAlternative(reader: Reader, schema: Schema, depth: number): unknown {
  const [first, second] = schema.wire as [Schema, Schema];
  let single: unknown;
  let allows = true;
  const many: unknown[] = [];
  eachField(reader, (number, inner) => {
    if (number === 1 && schema.form === 'schemaOrBool') allows = inner.varint() !== 0n;
    else if (number === 1) single = readValue(inner, first, depth);
    else if (number === 2 && schema.form === 'schemaOrBool') single = readValue(inner, second, depth);
    else if (number === 2) many.push(readValue(inner, second.items as Schema, depth));
    else return false;
    return true;
  });
  if (single !== undefined) return single;
  return schema.form === 'schemaOrBool' ? allows : many;
}
