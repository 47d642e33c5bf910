/**
 * The file of a snapshot: what `etcdctl snapshot save` and `timonier snapshot save` write, and our verbs read.
 *
 *   magic (16 bytes) | length of the description (u32) | description (JSON) | its CRC-32 (u32)
 *   then each record: length of key (u16), length of value (u32), key, sealed value (see state-seal.ts)
 *   a zero (u16) | zeros up to a multiple of 512 | SHA-256 of everything before (32 bytes)
 *
 * Numbers are little-endian. The last two lines make it what etcd's clients check: a multiple of 512 and a checksum.
 * The description says how much follows, so that a file that was cut is told from one that was changed.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { giveBack } from '@timonier/component/give-back';
import type { StateMeta } from './state-meta.ts';
import { sameTally, sealBytes, StateCorruptError, type Tally, TallyCounter } from './state-seal.ts';

export interface SnapshotDescription {
  /** When it was taken, ISO 8601. */
  readonly taken: string;
  readonly meta: StateMeta;
  readonly tally: Tally;
}

/** A sealed record. */
export type SnapshotRecord = readonly [key: Buffer, value: Buffer];

const magic = Buffer.from('TIMONIER-STATE-1');
const recordHead = 6;
const sector = 512;
const digestBytes = 32;
/** Of one piece; what etcd's server sends at a time is as large. */
const pieceBytes = 64 * 1024;
const maxDescription = 16 * 1024 * 1024;

function sizeOf(head: number, tally: Tally): number {
  const body = head + tally.records * recordHead + tally.bytes + 2;
  return Math.ceil(body / sector) * sector + digestBytes;
}

function encodeHead(description: SnapshotDescription): Buffer {
  const json = Buffer.from(JSON.stringify(description));
  const out = Buffer.alloc(magic.length + 4 + json.length + 4);
  magic.copy(out);
  out.writeUInt32LE(json.length, magic.length);
  json.copy(out, magic.length + 4);
  out.writeUInt32LE(crc32(json), out.length - 4);
  return out;
}

function tallyText({ records, bytes, sum }: Tally): string {
  return `${records} records of ${bytes} bytes with the sum ${sum}`;
}

/** How many bytes the file of a description has. */
export function snapshotSize(description: SnapshotDescription): number {
  return sizeOf(encodeHead(description).length, description.tally);
}

/**
 * The bytes of the file, in pieces of at most 64 KiB. `chunks` yields all records that the description counts, and gives
 * their memory away. Rejects with `StateCorruptError`, before the last piece, when records are missing or there are
 * others; whether each matches its seal is looked at by who reads them (`unseal`).
 */
export async function* snapshotPieces(
  description: SnapshotDescription,
  chunks: AsyncIterable<readonly SnapshotRecord[]>,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let piece = Buffer.allocUnsafe(pieceBytes);
  let used = 0;
  let total = 0;
  const counter = new TallyCounter();
  const full: Buffer[] = [];
  const add = (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length;) {
      const part = Math.min(pieceBytes - used, bytes.length - at);
      bytes.copy(piece, used, at, at + part);
      used += part;
      at += part;
      if (used < pieceBytes) continue;
      hash.update(piece);
      full.push(piece);
      piece = Buffer.allocUnsafe(pieceBytes);
      used = 0;
    }
    total += bytes.length;
  };
  add(encodeHead(description));
  for await (const records of chunks) {
    for (const [key, value] of records) {
      if (value.length < sealBytes)
        throw new StateCorruptError(`record ${key.toString('hex')} has no checksum`);
      counter.add(key, value);
      const head = Buffer.allocUnsafe(recordHead);
      head.writeUInt16LE(key.length, 0);
      head.writeUInt32LE(value.length, 2);
      add(head);
      add(key);
      add(value);
      giveBack(value);
      yield* full.splice(0);
    }
  }
  add(Buffer.alloc(2));
  add(Buffer.alloc((sector - (total % sector)) % sector));
  yield* full.splice(0);
  const rest = piece.subarray(0, used);
  if (!sameTally(counter.tally, description.tally))
    throw new StateCorruptError(
      `${tallyText(counter.tally)} are there, and not ${tallyText(description.tally)}`,
    );
  yield Buffer.concat([rest, hash.update(rest).digest()]);
}

/** What is wrong with the file of a snapshot, in a sentence that names the file and says what to do. */
export class SnapshotFileError extends Error {
  override readonly name = 'SnapshotFileError';
}

const readBytes = 1024 * 1024;
/** In etcd's own snapshots, which are databases of bbolt, this number is at the 16th byte. */
const bboltMagic = 0xed0cdaed;

/** A snapshot's file, opened for reading. Memory is bounded by its largest record. */
export class SnapshotFile {
  readonly path: string;
  readonly description: SnapshotDescription;
  readonly size: number;
  readonly #fd: number;
  readonly #headBytes: number;

  private constructor(
    path: string,
    fd: number,
    size: number,
    description: SnapshotDescription,
    head: number,
  ) {
    this.path = path;
    this.#fd = fd;
    this.size = size;
    this.description = description;
    this.#headBytes = head;
  }

  /** Opens a file and checks everything but its contents. Throws `SnapshotFileError`. */
  static open(path: string): SnapshotFile {
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new SnapshotFileError(code === 'ENOENT' ? `there is no file ${path}` : message, { cause: error });
    }
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new SnapshotFileError(`${path} is no file`);
      const { description, headBytes } = readHead(path, fd, stat.size);
      return new SnapshotFile(path, fd, stat.size, description, headBytes);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Reads the whole file and compares its checksum, which it returns as hex digits. Throws `SnapshotFileError`. */
  verify(): string {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(readBytes);
    const end = this.size - digestBytes;
    for (let at = 0; at < end;) {
      const read = readSync(this.#fd, buffer, 0, Math.min(readBytes, end - at), at);
      if (read === 0) throw truncated(this.path, at, this.size);
      hash.update(buffer.subarray(0, read));
      at += read;
    }
    const stored = Buffer.alloc(digestBytes);
    readSync(this.#fd, stored, 0, digestBytes, end);
    const digest = hash.digest();
    if (!digest.equals(stored))
      throw new SnapshotFileError(
        `${this.path} is damaged: its SHA-256 checksum does not match; use another copy of it`,
      );
    return digest.toString('hex');
  }

  /** All records. They are trusted only after `verify`. */
  *records(): Generator<SnapshotRecord> {
    let buffer = Buffer.alloc(0);
    let next = this.#headBytes;
    /** Makes `count` bytes available at the front. */
    const need = (count: number): void => {
      if (buffer.length >= count) return;
      const more = Buffer.allocUnsafe(Math.max(readBytes, count));
      const read = readSync(this.#fd, more, 0, more.length, next);
      next += read;
      buffer = Buffer.concat([buffer, more.subarray(0, read)]);
      if (buffer.length < count) throw truncated(this.path, next, this.size);
    };
    for (;;) {
      need(2);
      const keyBytes = buffer.readUInt16LE(0);
      if (keyBytes === 0) return;
      need(recordHead);
      const valueBytes = buffer.readUInt32LE(2);
      const end = recordHead + keyBytes + valueBytes;
      need(end);
      yield [buffer.subarray(recordHead, recordHead + keyBytes), buffer.subarray(recordHead + keyBytes, end)];
      buffer = buffer.subarray(end);
    }
  }
}

function truncated(path: string, size: number, expected: number): SnapshotFileError {
  return new SnapshotFileError(
    `${path} is truncated: it has ${size} of ${expected} bytes; use another copy of it`,
  );
}

function readHead(
  path: string,
  fd: number,
  size: number,
): { description: SnapshotDescription; headBytes: number } {
  const start = Buffer.alloc(magic.length + 4);
  const read = readSync(fd, start, 0, start.length, 0);
  if (read < start.length && magic.subarray(0, read).equals(start.subarray(0, Math.min(read, magic.length))))
    throw new SnapshotFileError(`${path} is truncated: it has only ${read} bytes; use another copy of it`);
  if (!start.subarray(0, magic.length).equals(magic))
    throw new SnapshotFileError(
      start.readUInt32LE(16) === bboltMagic
        ? `${path} is a snapshot that etcd made; this store reads its own only (see docs/operations/snapshots.md)`
        : `${path} is not a snapshot of this store`,
    );
  const length = start.readUInt32LE(magic.length);
  const headBytes = start.length + length + 4;
  if (length > maxDescription) throw new SnapshotFileError(`${path} is damaged: its description is too long`);
  if (size < headBytes) throw truncated(path, size, headBytes);
  const json = Buffer.alloc(length + 4);
  readSync(fd, json, 0, json.length, start.length);
  if (crc32(json.subarray(0, length)) !== json.readUInt32LE(length))
    throw new SnapshotFileError(`${path} is damaged: its description does not match its checksum`);
  const description = JSON.parse(json.toString('utf8', 0, length)) as SnapshotDescription;
  const expected = sizeOf(headBytes, description.tally);
  if (size < expected) throw truncated(path, size, expected);
  if (size > expected)
    throw new SnapshotFileError(
      `${path} has ${size - expected} bytes behind its end; use another copy of it`,
    );
  return { description, headBytes };
}
