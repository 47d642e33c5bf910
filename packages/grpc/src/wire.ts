/**
 * The protobuf wire format: varints, fixed-width numbers and length-delimited fields, read forwards and written
 * backwards.
 *
 * Writing starts at the end of a scratch buffer, so a nested message's length is known by the time its header is
 * written, and nothing is measured twice or moved. The scratch buffer is shared by all writers of the thread:
 * `finish` copies the result out, and no writer may be suspended half way.
 */

const initialScratch = 64 * 1024;
/** A scratch buffer that grew beyond this for one large message is given back afterwards. */
const keptScratch = 4 * 1024 * 1024;

const two32 = 4_294_967_296;

export class BackwardWriter {
  #buffer = Buffer.allocUnsafeSlow(initialScratch);
  #position = initialScratch;

  /** Bytes written so far; the difference of two readings is the length of what was written in between. */
  get length(): number {
    return this.#buffer.length - this.#position;
  }

  /** The message as a buffer of its own. Resets the writer. */
  finish(): Buffer {
    const result = Buffer.allocUnsafe(this.#buffer.length - this.#position);
    this.#buffer.copy(result, 0, this.#position);
    this.reset();
    return result;
  }

  /** Drops what was written; used after an error too. */
  reset(): void {
    if (this.#buffer.length > keptScratch) this.#buffer = Buffer.allocUnsafeSlow(initialScratch);
    this.#position = this.#buffer.length;
  }

  #reserve(bytes: number): void {
    if (this.#position >= bytes) return;
    const used = this.#buffer.length - this.#position;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, used + bytes + initialScratch));
    this.#buffer.copy(grown, grown.length - used, this.#position);
    this.#position = grown.length - used;
    this.#buffer = grown;
  }

  /** An unsigned 32-bit varint, such as a tag or a length. */
  varint32(value: number): void {
    this.#reserve(5);
    const size = value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
    let at = (this.#position -= size);
    const buffer = this.#buffer;
    while (value >= 0x80) {
      buffer[at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    buffer[at] = value;
  }

  /** A 64-bit varint of an integer number; negative ones take ten bytes. */
  varint64(value: number): void {
    if (value >= 0 && value <= 0xffffffff) {
      this.varint32(value);
      return;
    }
    if (value < 0) {
      this.bigint64(BigInt(value));
      return;
    }
    let high = Math.floor(value / two32);
    let low = value >>> 0;
    this.#halves(high, low);
  }

  /** A 64-bit varint of a bigint, in two's complement when negative. */
  bigint64(value: bigint): void {
    const bits = BigInt.asUintN(64, value);
    const low = Number(bits & 0xffffffffn);
    const high = Number(bits >> 32n);
    if (high === 0) this.varint32(low);
    else this.#halves(high, low);
  }

  #halves(high: number, low: number): void {
    this.#reserve(10);
    let size = 5;
    for (let rest = high >>> 3; rest > 0; rest >>>= 7) size++;
    let at = (this.#position -= size);
    const buffer = this.#buffer;
    while (high > 0 || low >= 0x80) {
      buffer[at++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    buffer[at] = low;
  }

  fixed32(value: number): void {
    this.#reserve(4);
    this.#position -= 4;
    this.#buffer.writeUInt32LE(value >>> 0, this.#position);
  }

  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#position -= 8;
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#position);
  }

  float(value: number): void {
    this.#reserve(4);
    this.#position -= 4;
    this.#buffer.writeFloatLE(value, this.#position);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#position -= 8;
    this.#buffer.writeDoubleLE(value, this.#position);
  }

  /** Raw bytes without a length. */
  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#position -= value.length;
    this.#buffer.set(value, this.#position);
  }

  /** UTF-8 without a length. */
  string(value: string): void {
    const size = Buffer.byteLength(value);
    this.#reserve(size);
    this.#position -= size;
    this.#buffer.write(value, this.#position, size, 'utf8');
  }
}

/** Says that bytes from outside are not a valid message. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

export class WireReader {
  readonly buffer: Buffer;
  position: number;
  end: number;
  /** Upper and lower half of the varint read last by `halves`. */
  high = 0;
  low = 0;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.buffer = buffer;
    this.position = start;
    this.end = end;
  }

  /** A varint cut to 32 bits, unsigned. */
  uint32(): number {
    const byte = this.buffer[this.position];
    if (byte !== undefined && byte < 0x80 && this.position < this.end) {
      this.position++;
      return byte;
    }
    this.halves();
    return this.low;
  }

  /** A 64-bit varint into `high` and `low`. */
  halves(): void {
    const buffer = this.buffer;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.position >= this.end) throw new WireError('message ends inside a varint');
      const byte = buffer[this.position++] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63 || bits <= 1) high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        return;
      }
    }
    throw new WireError('varint is longer than ten bytes');
  }

  /** A length, and a check that so many bytes are there. Returns where they end. */
  lengthDelimited(): number {
    const length = this.uint32();
    const end = this.position + length;
    if (end > this.end) throw new WireError(`field of ${length} bytes runs past the end of the message`);
    return end;
  }

  /** Moves over `bytes` bytes and returns where they begin. */
  take(bytes: number): number {
    const at = this.position;
    if (at + bytes > this.end) throw new WireError('message ends inside a fixed-width field');
    this.position = at + bytes;
    return at;
  }

  skip(wireType: number): void {
    if (wireType === 0) this.halves();
    else if (wireType === 1) this.take(8);
    else if (wireType === 2) this.position = this.lengthDelimited();
    else if (wireType === 5) this.take(4);
    else throw new WireError(`wire type ${wireType} is not supported`);
  }
}
