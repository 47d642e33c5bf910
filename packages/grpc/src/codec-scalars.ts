/** How the values of one field are written and read: protobuf's scalars and enums, and lists of them. */
import type protobuf from 'protobufjs';
import { reader, writer } from './codec-bytes.ts';

export type WriteValue = (value: unknown) => void;
export type ReadValue = () => unknown;
/** What 64-bit integers become. */
export type Longs = 'number' | 'bigint' | 'string';

export interface ScalarFormat {
  readonly wireType: number;
  readonly zero: unknown;
  /** Writers work back to front; so does this. */
  readonly write: WriteValue;
  readonly read: ReadValue;
}

const two32 = 4_294_967_296;

export function isZero(value: unknown): boolean {
  return (
    value === 0 ||
    value === '' ||
    value === false ||
    value === 0n ||
    (value instanceof Uint8Array && value.length === 0)
  );
}

export function listWriter(tag: number, format: ScalarFormat): WriteValue {
  return (value) => {
    const list = value as readonly unknown[];
    for (let i = list.length - 1; i >= 0; i--) {
      format.write(list[i]);
      writer.varint32(tag);
    }
  };
}

export function packedWriter(id: number, format: ScalarFormat): WriteValue {
  return (value) => {
    const list = value as readonly unknown[];
    if (list.length === 0) return;
    const before = writer.length;
    for (let i = list.length - 1; i >= 0; i--) format.write(list[i]);
    writer.varint32(writer.length - before);
    writer.varint32((id << 3) | 2);
  };
}

export function enumFormat(type: protobuf.Enum, as: 'number' | 'string'): ScalarFormat {
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

function longFormat(signed: boolean, as: Longs): ScalarFormat {
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

function zeroLong(as: Longs): unknown {
  return as === 'number' ? 0 : as === 'bigint' ? 0n : '0';
}

function fixed64Format(signed: boolean, as: Longs): ScalarFormat {
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

export function scalarFormat(type: string, longs: Longs): ScalarFormat {
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
