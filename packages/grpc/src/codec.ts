/**
 * Messages between JavaScript objects and protobuf bytes, compiled once per message type from its definition.
 *
 * Objects are plain: camelCase names, `bytes` as `Buffer` (a view of the input, not a copy), enums as numbers or
 * names, maps as records. Decoding fills in proto3's defaults: absent scalars are zero, absent lists empty,
 * absent messages and unset members of a `oneof` undefined. Encoding accepts any subset of fields.
 *
 * 64-bit integers: `longs` says what they become, `'number'` (rounded beyond 2^53), `'bigint'` or `'string'`;
 * `bigintFields` names those (in camelCase) that are always `bigint`, such as random 64-bit ids. Encoding takes
 * all three.
 */
import protobuf from 'protobufjs';
import { reader, writer } from './codec-bytes.ts';
import {
  decodeMessage,
  emptyMessage,
  encodeMessage,
  type Loose,
  messageFormat,
  type MessagePlan,
} from './codec-plan.ts';
import {
  enumFormat,
  isZero,
  listWriter,
  type Longs,
  packedWriter,
  scalarFormat,
  type ScalarFormat,
} from './codec-scalars.ts';

export interface CodecOptions {
  readonly longs?: Longs;
  readonly bigintFields?: readonly string[];
  /** How enum values are decoded; numbers by default. Encoding takes both. */
  readonly enums?: 'number' | 'string';
}

export interface Codec<T extends object = object> {
  encode(message: T): Buffer;
  /** Throws a `WireError` when the bytes are not a message. */
  decode(bytes: Buffer): T;
}

/** Compiles types of one loaded set of definitions; one instance per choice of options. */
export class CodecSet {
  readonly #options: CodecOptions;
  readonly #plans = new Map<protobuf.Type, MessagePlan>();

  constructor(options: CodecOptions = {}) {
    this.#options = options;
  }

  codec<T extends object>(type: protobuf.Type): Codec<T> {
    const plan = this.#plan(type);
    return {
      encode: (message) => encodeMessage(plan, message as Loose),
      decode: (bytes) => decodeMessage(plan, bytes) as T,
    };
  }

  #plan(type: protobuf.Type): MessagePlan {
    const known = this.#plans.get(type);
    if (known !== undefined) return known;
    // Registered before its fields are compiled: message types may contain themselves.
    const plan: MessagePlan = {
      fields: [],
      readers: new Map(),
      defaults: {},
      lists: [],
      maps: [],
      empty: undefined,
      write: undefined,
      read: undefined,
    };
    this.#plans.set(type, plan);
    // Written back to front, so that fields come out in ascending order.
    for (const field of type.fieldsArray.toSorted((a, b) => b.id - a.id))
      this.#compile(plan, field.resolve());
    return plan;
  }

  #compile(plan: MessagePlan, field: protobuf.Field): void {
    const name = field.name;
    if (field instanceof protobuf.MapField) {
      this.#compileMap(plan, field);
      return;
    }
    const nested = field.resolvedType instanceof protobuf.Type ? this.#plan(field.resolvedType) : undefined;
    const format = nested === undefined ? this.#scalar(field.type, field) : messageFormat(nested);
    const tag = (field.id << 3) | format.wireType;
    if (field.repeated) {
      plan.lists.push(name);
      plan.defaults[name] = undefined;
      const packable = format.wireType !== 2;
      plan.fields.push({
        name,
        tag,
        write: packable ? packedWriter(field.id, format) : listWriter(tag, format),
        single: undefined,
      });
      plan.readers.set(field.id, {
        read: (target, wireType) => {
          const list = target[name] as unknown[];
          if (!packable || wireType !== 2) {
            list.push(format.read());
            return;
          }
          const end = reader.lengthDelimited();
          while (reader.position < end) list.push(format.read());
        },
        single: undefined,
      });
      return;
    }
    const presence = nested !== undefined || field.partOf !== null;
    const zero = presence ? undefined : format.zero;
    plan.defaults[name] = zero;
    plan.fields.push({
      name,
      tag,
      write: (value) => {
        if (!presence && isZero(value)) return;
        format.write(value);
        writer.varint32(tag);
      },
      single: { format, presence },
    });
    const siblings = (field.partOf?.fieldsArray ?? []).map((member) => member.name).filter((n) => n !== name);
    plan.readers.set(field.id, {
      read: (target) => {
        for (const sibling of siblings) target[sibling] = undefined;
        target[name] = format.read();
      },
      single: siblings.length === 0 ? { name, read: format.read } : undefined,
    });
  }

  #compileMap(plan: MessagePlan, field: protobuf.MapField): void {
    const name = field.name;
    const key = this.#scalar(field.keyType, field);
    const nested = field.resolvedType instanceof protobuf.Type ? this.#plan(field.resolvedType) : undefined;
    const value = nested === undefined ? this.#scalar(field.type, field) : messageFormat(nested);
    const tag = (field.id << 3) | 2;
    const numericKey = field.keyType !== 'string';
    plan.maps.push(name);
    plan.defaults[name] = undefined;
    plan.fields.push({
      name,
      tag,
      write: (map) => {
        for (const [k, v] of Object.entries(map as Loose).reverse()) {
          if (v === undefined) continue;
          const before = writer.length;
          value.write(v);
          writer.varint32((2 << 3) | value.wireType);
          key.write(numericKey ? (field.keyType === 'bool' ? k === 'true' : Number(k)) : k);
          writer.varint32((1 << 3) | key.wireType);
          writer.varint32(writer.length - before);
          writer.varint32(tag);
        }
      },
      single: undefined,
    });
    const readEntry = (target: Loose): void => {
      const end = reader.lengthDelimited();
      let k: unknown = key.zero;
      let v: unknown = nested === undefined ? value.zero : undefined;
      while (reader.position < end) {
        const entryTag = reader.uint32();
        if (entryTag >>> 3 === 1) k = key.read();
        else if (entryTag >>> 3 === 2) v = value.read();
        else reader.skip(entryTag & 7);
      }
      if (v === undefined && nested !== undefined) v = emptyMessage(nested);
      // defineProperty semantics: a key named __proto__ is data like any other.
      Object.defineProperty(target[name], String(k), {
        value: v,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    };
    plan.readers.set(field.id, { read: readEntry, single: undefined });
  }

  #scalar(type: string, field: protobuf.FieldBase): ScalarFormat {
    if (field.resolvedType instanceof protobuf.Enum && type === field.type)
      return enumFormat(field.resolvedType, this.#options.enums ?? 'number');
    const longs = this.#options.bigintFields?.includes(field.name) === true ? 'bigint' : this.#options.longs;
    return scalarFormat(type, longs ?? 'number');
  }
}
