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
import { BackwardWriter, WireReader } from './wire.ts';

export interface CodecOptions {
  readonly longs?: 'number' | 'bigint' | 'string';
  readonly bigintFields?: readonly string[];
  /** How enum values are decoded; numbers by default. Encoding takes both. */
  readonly enums?: 'number' | 'string';
}

export interface Codec<T extends object = object> {
  encode(message: T): Buffer;
  /** Throws a `WireError` when the bytes are not a message. */
  decode(bytes: Buffer): T;
}

type Loose = Record<string, unknown>;
type WriteValue = (value: unknown) => void;
type ReadValue = () => unknown;

interface ScalarFormat {
  readonly wireType: number;
  readonly zero: unknown;
  readonly write: WriteValue;
  readonly read: ReadValue;
}

interface FieldPlan {
  readonly name: string;
  readonly tag: number;
  readonly write: (value: unknown) => void;
  /** Of a field that is neither a list nor a map. */
  readonly single: { readonly format: ScalarFormat; readonly presence: boolean } | undefined;
}

interface FieldReader {
  readonly read: (target: Loose, wireType: number) => void;
  /** Of a field that only sets its own value: its name, and what reads the value. */
  readonly single: { readonly name: string; readonly read: ReadValue } | undefined;
}

interface MessagePlan {
  fields: FieldPlan[];
  /** By field number: reads one occurrence into the object. */
  readers: Map<number, FieldReader>;
  defaults: Loose;
  lists: string[];
  maps: string[];
  /** Compiled at their first use (codec-compile.ts). */
  empty: (() => Loose) | undefined;
  write: ((message: Loose) => void) | undefined;
  read: ((target: Loose, end: number) => void) | undefined;
}

const writer = new BackwardWriter();
let reader = new WireReader(Buffer.alloc(0));
const two32 = 4_294_967_296;
const maxDepth = 100;
let depth = 0;

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
      encode: (message) => {
        try {
          writeMessage(plan, message as Loose);
          return writer.finish();
        } catch (error) {
          writer.reset();
          throw error;
        }
      },
      decode: (bytes) => {
        const outer = reader;
        const outerDepth = depth;
        reader = new WireReader(bytes);
        depth = 0;
        try {
          return readMessage(plan, reader.end) as T;
        } finally {
          reader = outer;
          depth = outerDepth;
        }
      },
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

function isZero(value: unknown): boolean {
  return (
    value === 0 ||
    value === '' ||
    value === false ||
    value === 0n ||
    (value instanceof Uint8Array && value.length === 0)
  );
}

function writeMessage(plan: MessagePlan, message: Loose): void {
  (plan.write ??= compileWrite(plan))(message);
}

function emptyMessage(plan: MessagePlan): Loose {
  return (plan.empty ??= compileEmpty(plan))();
}

function readMessage(plan: MessagePlan, end: number): Loose {
  const target = emptyMessage(plan);
  const outerEnd = reader.end;
  reader.end = end;
  if (++depth > maxDepth) throw new RangeError(`message is nested deeper than ${maxDepth} levels`);
  (plan.read ??= compileRead(plan))(target, end);
  depth--;
  reader.end = outerEnd;
  return target;
}

// Each type gets functions of its own, so that the engine sees one shape of object in them and one callee at each
// place. Names come from our own definitions, and everything else is passed in, not written out.

function compiled(parameters: Record<string, unknown>, body: string): unknown {
  // oxlint-disable-next-line typescript/no-implied-eval
  const make = new Function(...Object.keys(parameters), body) as (...values: unknown[]) => unknown;
  return make(...Object.values(parameters));
}

function compileEmpty({ defaults, lists, maps }: MessagePlan): () => Loose {
  const names = Object.keys(defaults);
  const literal = names.map((name, i) => {
    const value = lists.includes(name) ? '[]' : maps.includes(name) ? '{}' : `values[${i}]`;
    return `${JSON.stringify(name)}: ${value}`;
  });
  const values = names.map((name) => defaults[name]);
  return compiled({ values }, `return () => ({ ${literal.join(', ')} });`) as () => Loose;
}

function compileWrite({ fields }: MessagePlan): (message: Loose) => void {
  const parameters: Record<string, unknown> = { writer, isZero };
  const lines = fields.map(({ name, tag, write, single }, i) => {
    parameters[`w${i}`] = single?.format.write ?? write;
    const wanted = single?.presence === false ? ' && !isZero(value)' : '';
    const call = single === undefined ? `w${i}(value);` : `w${i}(value); writer.varint32(${tag});`;
    return `value = message[${JSON.stringify(name)}];
      if (value !== undefined && value !== null${wanted}) { ${call} }`;
  });
  return compiled(parameters, `return (message) => { let value; ${lines.join('\n')} };`) as (
    message: Loose,
  ) => void;
}

function compileRead({ readers }: MessagePlan): (target: Loose, end: number) => void {
  const parameters: Record<string, unknown> = { current: () => reader };
  const cases = [...readers].map(([id, { read, single }]) => {
    parameters[`r${id}`] = single?.read ?? read;
    const call =
      single === undefined
        ? `r${id}(target, tag & 7);`
        : `target[${JSON.stringify(single.name)}] = r${id}();`;
    return `case ${id}: ${call} break;`;
  });
  return compiled(
    parameters,
    `return (target, end) => {
      const reader = current();
      while (reader.position < end) {
        const tag = reader.uint32();
        switch (tag >>> 3) {
          ${cases.join('\n')}
          default: reader.skip(tag & 7);
        }
      }
    };`,
  ) as (target: Loose, end: number) => void;
}

function messageFormat(plan: MessagePlan): ScalarFormat {
  return {
    wireType: 2,
    zero: undefined,
    write: (value) => {
      const before = writer.length;
      writeMessage(plan, value as Loose);
      writer.varint32(writer.length - before);
    },
    read: () => readMessage(plan, reader.lengthDelimited()),
  };
}

function listWriter(tag: number, format: ScalarFormat): WriteValue {
  return (value) => {
    const list = value as readonly unknown[];
    for (let i = list.length - 1; i >= 0; i--) {
      format.write(list[i]);
      writer.varint32(tag);
    }
  };
}

function packedWriter(id: number, format: ScalarFormat): WriteValue {
  return (value) => {
    const list = value as readonly unknown[];
    if (list.length === 0) return;
    const before = writer.length;
    for (let i = list.length - 1; i >= 0; i--) format.write(list[i]);
    writer.varint32(writer.length - before);
    writer.varint32((id << 3) | 2);
  };
}

function enumFormat(type: protobuf.Enum, as: 'number' | 'string'): ScalarFormat {
  return {
    wireType: 0,
    zero: as === 'string' ? (type.valuesById[0] ?? 0) : 0,
    write: (value) => {
      const number = typeof value === 'string' ? type.values[value] : Number(value);
      if (number === undefined) throw new TypeError(`"${String(value)}" is not a value of ${type.fullName}`);
      writer.varint64(number);
    },
    read: () => {
      const number = reader.uint32() | 0;
      return as === 'string' ? (type.valuesById[number] ?? number) : number;
    },
  };
}

function writeLong(value: unknown): void {
  if (typeof value === 'number') writer.varint64(value);
  else writer.bigint64(BigInt(value as bigint | string));
}

function readBigint(signed: boolean): bigint {
  reader.halves();
  const bits = (BigInt(reader.high) << 32n) | BigInt(reader.low);
  return signed ? BigInt.asIntN(64, bits) : bits;
}

function longFormat(signed: boolean, as: 'number' | 'bigint' | 'string'): ScalarFormat {
  const read: Record<typeof as, ReadValue> = {
    number: () => {
      reader.halves();
      return (signed ? reader.high | 0 : reader.high) * two32 + reader.low;
    },
    bigint: () => readBigint(signed),
    string: () => readBigint(signed).toString(),
  };
  return { wireType: 0, zero: zeroLong(as), write: writeLong, read: read[as] };
}

function zeroLong(as: 'number' | 'bigint' | 'string'): unknown {
  return as === 'number' ? 0 : as === 'bigint' ? 0n : '0';
}

function fixed64Format(signed: boolean, as: 'number' | 'bigint' | 'string'): ScalarFormat {
  return {
    wireType: 1,
    zero: zeroLong(as),
    write: (value) => writer.fixed64(BigInt(value as bigint | number | string)),
    read: () => {
      const at = reader.take(8);
      const value = signed ? reader.buffer.readBigInt64LE(at) : reader.buffer.readBigUInt64LE(at);
      return as === 'bigint' ? value : as === 'string' ? value.toString() : Number(value);
    },
  };
}

function scalarFormat(type: string, longs: 'number' | 'bigint' | 'string'): ScalarFormat {
  const varint = (write: WriteValue, read: ReadValue): ScalarFormat => ({
    wireType: 0,
    zero: 0,
    write,
    read,
  });
  const fixed = (wireType: number, write: WriteValue, read: ReadValue): ScalarFormat => ({
    wireType,
    zero: 0,
    write,
    read,
  });
  switch (type) {
    case 'int64':
      return longFormat(true, longs);
    case 'uint64':
      return longFormat(false, longs);
    case 'sint64':
      return {
        ...longFormat(true, longs),
        write: (value) => {
          const n = BigInt(value as bigint | number | string);
          writer.bigint64((n << 1n) ^ (n >> 63n));
        },
        read: () => {
          const bits = readBigint(false);
          const n = (bits >> 1n) ^ -(bits & 1n);
          return longs === 'bigint' ? n : longs === 'string' ? n.toString() : Number(n);
        },
      };
    case 'fixed64':
      return fixed64Format(false, longs);
    case 'sfixed64':
      return fixed64Format(true, longs);
    case 'int32':
      return varint(
        (value) => writer.varint64(Number(value)),
        () => reader.uint32() | 0,
      );
    case 'uint32':
      return varint(
        (value) => writer.varint32(Number(value) >>> 0),
        () => reader.uint32(),
      );
    case 'sint32':
      return varint(
        (value) => writer.varint32(((Number(value) << 1) ^ (Number(value) >> 31)) >>> 0),
        () => {
          const n = reader.uint32();
          return (n >>> 1) ^ -(n & 1);
        },
      );
    case 'fixed32':
      return fixed(
        5,
        (value) => writer.fixed32(Number(value)),
        () => reader.buffer.readUInt32LE(reader.take(4)),
      );
    case 'sfixed32':
      return fixed(
        5,
        (value) => writer.fixed32(Number(value)),
        () => reader.buffer.readInt32LE(reader.take(4)),
      );
    case 'float':
      return fixed(
        5,
        (value) => writer.float(Number(value)),
        () => reader.buffer.readFloatLE(reader.take(4)),
      );
    case 'double':
      return fixed(
        1,
        (value) => writer.double(Number(value)),
        () => reader.buffer.readDoubleLE(reader.take(8)),
      );
    case 'bool':
      return {
        wireType: 0,
        zero: false,
        write: (value) => writer.varint32(value === true ? 1 : 0),
        read: () => {
          reader.halves();
          return reader.low !== 0 || reader.high !== 0;
        },
      };
    case 'string':
      return {
        wireType: 2,
        zero: '',
        write: (value) => {
          const before = writer.length;
          writer.string(String(value));
          writer.varint32(writer.length - before);
        },
        read: () => {
          const end = reader.lengthDelimited();
          const text = reader.buffer.toString('utf8', reader.position, end);
          reader.position = end;
          return text;
        },
      };
    case 'bytes':
      return {
        wireType: 2,
        zero: Buffer.alloc(0),
        write: (value) => {
          const bytes = typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array);
          writer.bytes(bytes);
          writer.varint32(bytes.length);
        },
        read: () => {
          const end = reader.lengthDelimited();
          const bytes = reader.buffer.subarray(reader.position, end);
          reader.position = end;
          return bytes;
        },
      };
    default:
      throw new TypeError(`protobuf type ${type} is not known`);
  }
}
