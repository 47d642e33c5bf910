/**
 * The protobuf primitives: a growing writer, and a reader over bytes that are not trusted. Integers of 64 bits
 * travel as bigint; the reader refuses anything that reaches past its end.
 */

export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
const FIXED32 = 5;

export class Writer {
  #buffer = Buffer.allocUnsafe(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + size));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }

  varint(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === 'number' && value >= 0 && value < 2 ** 31) {
      let rest = value;
      while (rest > 0x7f) {
        this.#buffer[this.#length++] = (rest & 0x7f) | 0x80;
        rest >>>= 7;
      }
      this.#buffer[this.#length++] = rest;
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 0x7fn) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  tag(field: number, type: number): void {
    this.varint((field << 3) | type);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#buffer.writeDoubleLE(value, this.#length);
    this.#length += 8;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  bytes(field: number, bytes: Uint8Array): void {
    this.tag(field, BYTES);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  string(field: number, value: string): void {
    const size = Buffer.byteLength(value);
    this.tag(field, BYTES);
    this.varint(size);
    this.#reserve(size);
    this.#buffer.write(value, this.#length, size, 'utf8');
    this.#length += size;
  }

  /** A nested message: written in place, then moved to make room for its length. */
  message(field: number, write: () => void): void {
    this.tag(field, BYTES);
    const start = this.#length + 1;
    this.#reserve(1);
    this.#length = start;
    write();
    const size = this.#length - start;
    let extra = 0;
    for (let rest = size; rest > 0x7f; rest = Math.floor(rest / 128)) extra += 1;
    if (extra > 0) {
      this.#reserve(extra);
      this.#buffer.copyWithin(start + extra, start, this.#length);
    }
    this.#length = start - 1;
    this.varint(size);
    this.#length += size;
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class Reader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  varint(): bigint {
    let out = 0n;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw new ProtobufError('unexpected EOF');
      const byte = this.#bytes[this.#at++] ?? 0;
      out |= BigInt(byte & 0x7f) << BigInt(shift);
      if (byte < 0x80) return BigInt.asUintN(64, out);
    }
    throw new ProtobufError('integer overflow');
  }

  /** A varint that is a length or a tag: must be a small number. */
  small(): number {
    let out = 0;
    let factor = 1;
    for (let i = 0; i < 5; i += 1) {
      if (this.#at >= this.#end) throw new ProtobufError('unexpected EOF');
      const byte = this.#bytes[this.#at++] ?? 0;
      out += (byte & 0x7f) * factor;
      if (byte < 0x80) return out;
      factor *= 128;
    }
    throw new ProtobufError('integer overflow');
  }

  int32(): number {
    return Number(BigInt.asIntN(32, this.varint()));
  }

  int64(): bigint {
    return BigInt.asIntN(64, this.varint());
  }

  double(): number {
    const at = this.#take(8);
    return this.#bytes.readDoubleLE(at);
  }

  bytes(): Buffer {
    const size = this.small();
    const at = this.#take(size);
    return this.#bytes.subarray(at, at + size);
  }

  string(): string {
    try {
      return utf8.decode(this.bytes());
    } catch (error) {
      if (error instanceof ProtobufError) throw error;
      throw new ProtobufError('string field contains invalid UTF-8');
    }
  }

  /** A reader over the nested message that follows. */
  message(): Reader {
    const size = this.small();
    const at = this.#take(size);
    return new Reader(this.#bytes, at, at + size);
  }

  skip(type: number): void {
    if (type === VARINT) this.varint();
    else if (type === FIXED64) this.#take(8);
    else if (type === BYTES) this.#take(this.small());
    else if (type === FIXED32) this.#take(4);
    else throw new ProtobufError(`illegal wireType ${type}`);
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#end) throw new ProtobufError('unexpected EOF');
    this.#at += size;
    return at;
  }
}
