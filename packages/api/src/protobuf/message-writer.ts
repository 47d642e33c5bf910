/**
 * Objects in normal form to protobuf messages, driven by the schema. What is written and what is left out follows the habits
 * of the reference implementation: fields by ascending number, map keys sorted, singular values that are not pointers
 * always written. `message-reader.ts` is the way back.
 */
import { isBigInteger } from '../json.ts';
import type { Schema } from '../schema.ts';
import { parseDuration, parseTime } from '../time.ts';
import { FIXED64, ProtobufError, VARINT, Writer } from './wire.ts';

type Fields = Record<string, unknown>;

/** Writes the fields of a message; the caller has framed it. */
export function writeMessage(writer: Writer, schema: Pick<Schema, 'wire'>, value: Fields): void {
  for (const field of schema.wire) writeField(writer, field, field.inline ? value : value[field.name]);
}

function writeField(writer: Writer, field: Schema, value: unknown): void {
  const { number } = field;
  if (field.form !== 'stringList' && field.kind === 'list') {
    if (!Array.isArray(value)) return;
    for (const item of value as unknown[]) writeValue(writer, number, field.items as Schema, item);
  } else if (field.kind === 'map') {
    if (typeof value !== 'object' || value === null) return;
    const map = value as Fields;
    for (const key of Object.keys(map).sort()) {
      writer.message(number, () => {
        writer.string(1, key);
        writeValue(writer, 2, field.values as Schema, map[key]);
      });
    }
  } else if (value === undefined || value === null) {
    if (!field.pointer && field.scalar !== 'bytes' && !isListType(field)) {
      writeValue(writer, number, field, undefined);
    }
  } else {
    writeValue(writer, number, field, value);
  }
}

/** What is written of a field of a message when it is not there. */
export function absentField(field: Schema): Buffer {
  const writer = new Writer();
  writeField(writer, field, undefined);
  return writer.finish();
}

/** A value of a list or a map, or of a field that is there, with the number that it has. */
export function encodedValue(number: number, schema: Schema, value: unknown): Buffer {
  const writer = new Writer();
  writeValue(writer, number, schema, value);
  return writer.finish();
}

/** An absent list type (`Verbs`, `ExtraValue`) is not written; an absent raw value is an empty message. */
function isListType(field: Schema): boolean {
  return field.form === 'stringList';
}

function writeValue(writer: Writer, number: number, schema: Schema, value: unknown): void {
  if (schema.kind === 'object') {
    writer.message(number, () => writeMessage(writer, schema, (value ?? {}) as Fields));
  } else if (schema.kind === 'scalar') {
    writeScalar(writer, number, schema, value);
  } else if (schema.form === 'stringList') {
    writer.message(number, () => {
      for (const item of (value ?? []) as string[]) writer.string(1, item);
    });
  } else if (schema.form !== undefined) {
    writer.message(number, () => writeAlternative(writer, schema, value));
  } else {
    writer.message(number, () => {
      if (value !== undefined && value !== null) writer.bytes(1, Buffer.from(JSON.stringify(value)));
    });
  }
}

function writeScalar(writer: Writer, number: number, schema: Schema, value: unknown): void {
  switch (schema.scalar) {
    case 'string':
      writer.string(number, typeof value === 'string' ? value : '');
      break;
    case 'bool':
      writer.tag(number, VARINT);
      writer.varint(value === true ? 1 : 0);
      break;
    case 'int32':
    case 'int64':
      writer.tag(number, VARINT);
      writer.varint(isBigInteger(value) ? BigInt(value.rawJSON) : wholeNumber(value));
      break;
    case 'double':
      writer.tag(number, FIXED64);
      writer.double(typeof value === 'number' ? value : 0);
      break;
    case 'bytes':
      writer.bytes(number, Buffer.from(typeof value === 'string' ? value : '', 'base64'));
      break;
    case 'quantity':
      writer.message(number, () => writer.string(1, typeof value === 'string' ? value : '0'));
      break;
    case 'intOrString':
      writer.message(number, () => {
        const text = typeof value === 'string';
        writer.tag(1, VARINT);
        writer.varint(text ? 1 : 0);
        writer.tag(2, VARINT);
        writer.varint(text ? 0 : wholeNumber(value));
        writer.string(3, text ? value : '');
      });
      break;
    case 'time':
    case 'microTime':
      writer.message(number, () => {
        const instant = typeof value === 'string' ? parseTime(value) : undefined;
        if (instant === undefined) return;
        writer.tag(1, VARINT);
        writer.varint(BigInt(instant.seconds));
        writer.tag(2, VARINT);
        writer.varint(schema.scalar === 'time' ? 0 : instant.nanos - (instant.nanos % 1000));
      });
      break;
    case 'duration':
      writer.message(number, () => {
        writer.tag(1, VARINT);
        writer.varint(typeof value === 'string' ? (parseDuration(value) ?? 0n) : 0n);
      });
      break;
    case 'groupVersion':
      writer.message(number, () => {
        const [first = '', second] = typeof value === 'string' ? value.split('/') : [];
        writer.string(1, second === undefined ? '' : first);
        writer.string(2, second ?? first);
      });
      break;
    default:
      throw new ProtobufError(`no encoding for ${schema.kind} ${schema.name}`);
  }
}

function wholeNumber(value: unknown): bigint {
  return typeof value === 'number' && Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
}

/** Types of custom resource schemas whose JSON is one of two shapes. */
function writeAlternative(writer: Writer, schema: Schema, value: unknown): void {
  const [first, second] = schema.wire as [Schema, Schema];
  if (schema.form === 'schemaOrBool') {
    writeScalar(writer, 1, first, value !== false);
    if (typeof value === 'object' && value !== null) writeValue(writer, 2, second, value);
  } else if (Array.isArray(value)) {
    for (const item of value as unknown[]) writeValue(writer, 2, second.items as Schema, item);
  } else if (typeof value === 'object' && value !== null) {
    writeValue(writer, 1, first, value);
  }
}
