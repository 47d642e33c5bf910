/**
 * How records of the state are protected on disk, in snapshots and on their way between members.
 *
 * Each value ends with a checksum of its key and itself, so that a flipped bit is found when the record is read: the
 * database underneath does not look at its own checksums then. A tally over all records, kept beside the applied
 * index, shows a record that is missing altogether. Adding and taking away records changes a tally by the same
 * amount, whatever the order.
 */
import { crc32 } from 'node:zlib';

export const sealBytes = 4;

/** What all records of a state add up to. */
export interface Tally {
  readonly records: number;
  /** Of keys and sealed values. */
  readonly bytes: number;
  /** Of the records' checksums, modulo 2^32. */
  readonly sum: number;
}

/** Of a record's value what its share of the tally can be told from. */
export interface RecordTrace {
  /** Bytes, without the seal. */
  readonly length: number;
  /** The checksum of key and value. */
  readonly sum: number;
}

export const emptyTally: Tally = { records: 0, bytes: 0, sum: 0 };

/** The state on disk cannot be trusted. */
export class StateCorruptError extends Error {
  override readonly name = 'StateCorruptError';
}

function checksum(key: Buffer, payload: Buffer): number {
  return crc32(payload, crc32(key));
}

/** The value as it lies on disk. Memory right behind the payload is used when `room` says that it is free. */
export function seal(key: Buffer, payload: Buffer, room = false): Buffer {
  const sealed = room
    ? Buffer.from(payload.buffer, payload.byteOffset, payload.length + sealBytes)
    : Buffer.allocUnsafe(payload.length + sealBytes);
  if (!room) payload.copy(sealed);
  sealed.writeUInt32LE(checksum(key, payload), payload.length);
  return sealed;
}

/** The payload of a sealed value, as a view. Throws `StateCorruptError` when it is not what was written. */
export function unseal(key: Buffer, sealed: Buffer): Buffer {
  const length = sealed.length - sealBytes;
  const payload = length < 0 ? sealed : sealed.subarray(0, length);
  if (length < 0 || checksum(key, payload) !== sealed.readUInt32LE(length))
    throw new StateCorruptError(`record ${key.toString('hex')} does not match its checksum`);
  return payload;
}

/** What the seal says that lies in memory right behind a payload, after `unseal`, or `seal` with room for it. */
export function traceOf(payload: Buffer): RecordTrace {
  const { buffer, byteOffset, length } = payload;
  return { length, sum: new DataView(buffer, byteOffset + length, sealBytes).getUint32(0, true) };
}

/** Adds up records as they come and go. */
export class TallyCounter {
  #records: number;
  #bytes: number;
  #sum: number;

  constructor(start: Tally = emptyTally) {
    this.#records = start.records;
    this.#bytes = start.bytes;
    this.#sum = start.sum;
  }

  get tally(): Tally {
    return { records: this.#records, bytes: this.#bytes, sum: this.#sum };
  }

  /** Takes a record in, by its sealed value. */
  add(key: Buffer, sealed: Buffer): void {
    this.#records += 1;
    this.#bytes += key.length + sealed.length;
    this.#sum = (this.#sum + sealed.readUInt32LE(sealed.length - sealBytes)) >>> 0;
  }

  /** Takes a record out, given what its value was. */
  remove(key: Buffer, payload: Buffer | RecordTrace): void {
    this.#records -= 1;
    this.#bytes -= key.length + payload.length + sealBytes;
    const sum = Buffer.isBuffer(payload) ? checksum(key, payload) : payload.sum;
    this.#sum = (this.#sum - sum) >>> 0;
  }
}

export function sameTally(a: Tally, b: Tally): boolean {
  return a.records === b.records && a.bytes === b.bytes && a.sum === b.sum;
}
