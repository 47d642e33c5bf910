/**
 * The bytes of the write-ahead log.
 *
 * A segment is a file of batches. A batch is what one write made durable: a header (magic, sequence number, how many
 * sectors are all zeros, payload length, checksum of the payload chained over all batches before it, checksum of the
 * header) and a payload of records: hard state, entries, or "replaced by a snapshot".
 *
 * What was never written is zeros, a disk writes whole sectors, in any order, and a batch is written only after the
 * one before it was synced. That tells a torn tail, which is dropped, from corruption, which is not: a bad batch that
 * has a later one behind it, or that lacks no sector, was durable once.
 */
import type { Entry, EntryType, HardState, SnapshotDescriptor } from '@timonier/raft';
import { crc32c } from './crc32c.ts';
import { rejoinAdvice } from './recover-advice.ts';

export const headerBytes = 28;
const magic = 0x54574c32;
/** Of before batches told about their sectors; then the next field is the sequence number, as a double. */
const firstMagic = 0x54574c31;
const sectorBytes = 512;
/** More of them are not told apart from missing ones. */
const mostZeroSectors = 0xffff;

/** The last record of a batch is nothing but this byte, which no flipped bit makes zero. */
const endMark = 0xa5;

const entryTypes: readonly EntryType[] = ['normal', 'config', 'noop'];

export interface WalBatch {
  readonly hardState?: HardState | undefined;
  readonly snapshot?: SnapshotDescriptor | undefined;
  readonly entries: readonly Entry[];
}

/** Encodes a batch's payload behind room for its header, in memory of its own that may be transferred. */
export function encodeBatch(batch: WalBatch): Buffer {
  const vote = Buffer.from(batch.hardState?.vote ?? '');
  const snapshot =
    batch.snapshot === undefined ? undefined : Buffer.from(JSON.stringify(batch.snapshot), 'utf8');
  let size = headerBytes;
  if (batch.hardState !== undefined) size += 1 + 8 + 8 + 1 + vote.length;
  if (snapshot !== undefined) size += 1 + 4 + snapshot.length;
  for (const entry of batch.entries) size += 1 + 8 + 8 + 1 + 4 + entry.data.length;
  size += 1;
  const out = Buffer.allocUnsafeSlow(size);
  let at = headerBytes;
  if (snapshot !== undefined) {
    out[at++] = 3;
    at = out.writeUInt32LE(snapshot.length, at);
    at += snapshot.copy(out, at);
  }
  if (batch.hardState !== undefined) {
    out[at++] = 1;
    at = out.writeDoubleLE(batch.hardState.term, at);
    at = out.writeDoubleLE(batch.hardState.commit, at);
    out[at++] = vote.length;
    at += vote.copy(out, at);
  }
  for (const entry of batch.entries) {
    out[at++] = 2;
    at = out.writeDoubleLE(entry.index, at);
    at = out.writeDoubleLE(entry.term, at);
    out[at++] = entryTypes.indexOf(entry.type);
    at = out.writeUInt32LE(entry.data.length, at);
    out.set(entry.data, at);
    at += entry.data.length;
  }
  out[at] = endMark;
  return out;
}

/**
 * Fills in what an encoded batch says about itself when it is written at byte `at` of its segment. Returns the chain
 * value for the next one.
 */
export function sealBatch(batch: Buffer, sequence: number, chain: number, at: number): number {
  const crc = crc32c(batch.subarray(headerBytes), chain);
  batch.writeUInt32LE(magic, 0);
  batch.writeUIntLE(sequence, 4, 6);
  batch.writeUInt16LE(0, 10);
  batch.writeUInt32LE(batch.length - headerBytes, 12);
  batch.writeUInt32LE(chain, 16);
  batch.writeUInt32LE(crc, 20);
  batch.writeUInt16LE(Math.min(mostZeroSectors, zeroSectors(batch, at)), 10);
  batch.writeUInt32LE(crc32c(batch.subarray(0, 24)), 24);
  return crc;
}

function decodePayload(payload: Buffer): WalBatch {
  let hardState: HardState | undefined;
  let snapshot: SnapshotDescriptor | undefined;
  const entries: Entry[] = [];
  let at = 0;
  while (at < payload.length) {
    const type = payload[at++];
    if (type === 1) {
      const length = payload[at + 16] ?? 0;
      hardState = {
        term: payload.readDoubleLE(at),
        commit: payload.readDoubleLE(at + 8),
        vote: length === 0 ? null : payload.toString('utf8', at + 17, at + 17 + length),
      };
      at += 17 + length;
    } else if (type === 2) {
      const length = payload.readUInt32LE(at + 17);
      entries.push({
        index: payload.readDoubleLE(at),
        term: payload.readDoubleLE(at + 8),
        type: entryTypes[payload[at + 16] ?? 0] ?? 'normal',
        data: payload.subarray(at + 21, at + 21 + length),
      });
      at += 21 + length;
    } else if (type === 3) {
      const length = payload.readUInt32LE(at);
      snapshot = JSON.parse(payload.toString('utf8', at + 4, at + 4 + length)) as SnapshotDescriptor;
      at += 4 + length;
    } else if (type !== endMark) throw new WalCorruptError(`record type ${type} is not known`);
  }
  return { hardState, snapshot, entries };
}

/** The log cannot be trusted: going on could forget acknowledged writes. The message says how to go on. */
export class WalCorruptError extends Error {
  override readonly name = 'WalCorruptError';

  constructor(what: string) {
    super(`${what}; ${rejoinAdvice}`);
  }
}

export interface Position {
  /** Sequence number of the next batch. */
  readonly sequence: number;
  readonly chain: number;
}

export interface ScannedSegment extends Position {
  readonly batches: readonly WalBatch[];
  /** Where the next batch goes. */
  readonly end: number;
  /** Bytes of an unfinished write at `end`, which must be wiped before anything is written there. */
  readonly torn: boolean;
}

interface Header extends Position {
  readonly length: number;
  readonly crc: number;
  readonly zeroSectors: number;
}

function readHeader(file: Buffer, at: number): Header | undefined {
  if (at + headerBytes > file.length) return undefined;
  const kind = file.readUInt32LE(at);
  if (kind !== magic && kind !== firstMagic) return undefined;
  if (crc32c(file.subarray(at, at + 24)) !== file.readUInt32LE(at + 24)) return undefined;
  return {
    sequence: kind === magic ? file.readUIntLE(at + 4, 6) : file.readDoubleLE(at + 4),
    zeroSectors: kind === magic ? file.readUInt16LE(at + 10) : 0,
    length: file.readUInt32LE(at + 12),
    chain: file.readUInt32LE(at + 16),
    crc: file.readUInt32LE(at + 20),
  };
}

/**
 * Reads a segment. `expected` is where the one before ended; undefined for the oldest, whose first header says it.
 * Throws `WalCorruptError` on anything that is not an unfinished write at the very end.
 */
export function scanSegment(name: string, file: Buffer, expected: Position | undefined): ScannedSegment {
  const batches: WalBatch[] = [];
  let position = expected;
  let at = 0;
  for (;;) {
    const header = readHeader(file, at);
    const payload =
      header === undefined ? undefined : file.subarray(at + headerBytes, at + headerBytes + header.length);
    const good =
      header !== undefined &&
      payload?.length === header.length &&
      crc32c(payload, header.chain) === header.crc &&
      (position === undefined || (header.sequence === position.sequence && header.chain === position.chain));
    if (!good) {
      const sequence = position?.sequence ?? 0;
      const torn = at < file.length && !isZero(file.subarray(at));
      if (torn && (laterBatch(file, at + 1, sequence) || !isUnfinished(file, at, header)))
        throw new WalCorruptError(
          `log segment ${name} is damaged at byte ${at}: a batch that was durable does not match its checksum`,
        );
      return { batches, end: at, torn, sequence, chain: position?.chain ?? 0 };
    }
    batches.push(decodePayload(payload));
    position = { sequence: header.sequence + 1, chain: header.crc };
    at += headerBytes + header.length;
  }
}

/**
 * Whether a batch that is not good lacks something that was never written: a sector, or everything from some byte on.
 * `header` is its header, if that is good.
 */
function isUnfinished(file: Buffer, at: number, header: Header | undefined): boolean {
  const bodyAt = at + headerBytes;
  if (header === undefined) {
    // No header at all, or nothing behind it: it was cut off there or in itself.
    if (bodyAt >= file.length || isZero(file.subarray(at, bodyAt)) || isZero(file.subarray(bodyAt - 1)))
      return true;
    const nextSector = at + sectorBytes - (at % sectorBytes);
    if (isZero(file.subarray(at, nextSector))) return true;
    return nextSector < bodyAt && isZero(file.subarray(nextSector, nextSector + sectorBytes));
  }
  const batch = file.subarray(at, bodyAt + header.length);
  if (batch.length < headerBytes + header.length || batch.at(-1) === 0) return true;
  return zeroSectors(batch, at) > header.zeroSectors || header.zeroSectors === mostZeroSectors;
}

/** How many sectors hold nothing but zeros of a batch at byte `at`; of the first and last, only what is the batch's. */
function zeroSectors(batch: Buffer, at: number): number {
  let count = 0;
  for (let from = 0; from < batch.length;) {
    const to = Math.min(batch.length, from + sectorBytes - ((at + from) % sectorBytes));
    if (batch[from] === 0 && isZero(batch.subarray(from, to))) count += 1;
    from = to;
  }
  return count;
}

/** Whether a batch newer than `sequence` begins anywhere from `from` on. */
function laterBatch(file: Buffer, from: number, sequence: number): boolean {
  for (const kind of [magic, firstMagic]) {
    const mark = Buffer.alloc(4);
    mark.writeUInt32LE(kind);
    for (let at = file.indexOf(mark, from); at >= 0; at = file.indexOf(mark, at + 1)) {
      const header = readHeader(file, at);
      if (header !== undefined && header.sequence > sequence) return true;
    }
  }
  return false;
}

const zeros = Buffer.alloc(64 * 1024);

/** Whether nothing was ever written there: segments are made of zeros. */
export function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const part = bytes.subarray(at, at + zeros.length);
    if (part.compare(zeros, 0, part.length) !== 0) return false;
  }
  return true;
}
