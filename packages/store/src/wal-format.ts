/**
 * The bytes of the write-ahead log.
 *
 * A segment is a file of batches. A batch is what one write made durable: a header (magic, sequence number, payload
 * length, checksum of the payload chained over all batches before it, checksum of the header) and a payload of
 * records: hard state, entries, or "replaced by a snapshot". A batch is written only after the one before it was
 * synced, which is what tells a torn tail from corruption: a bad batch with a good header of a later one behind it was
 * durable once and must not be dropped.
 */
import type { Entry, EntryType, HardState, SnapshotDescriptor } from '@timonier/raft';
import { crc32c } from './crc32c.ts';

export const headerBytes = 28;
const magic = 0x54574c31;

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
  return out;
}

/** Fills in the header of an encoded batch. Returns the chain value for the next one. */
export function sealBatch(batch: Buffer, sequence: number, chain: number): number {
  const crc = crc32c(batch.subarray(headerBytes), chain);
  batch.writeUInt32LE(magic, 0);
  batch.writeDoubleLE(sequence, 4);
  batch.writeUInt32LE(batch.length - headerBytes, 12);
  batch.writeUInt32LE(chain, 16);
  batch.writeUInt32LE(crc, 20);
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
    } else throw new WalCorruptError(`record type ${type} is not known`);
  }
  return { hardState, snapshot, entries };
}

/** The log on disk is damaged where it was durable; going on would forget acknowledged writes. */
/** The log cannot be trusted. Nothing was changed; the message says how to go on. */
export class WalCorruptError extends Error {
  override readonly name = 'WalCorruptError';

  constructor(what: string) {
    super(
      `${what}; restore the data directory from a copy: while a majority of the members is well, they go on without this one`,
    );
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
}

function readHeader(file: Buffer, at: number): Header | undefined {
  if (at + headerBytes > file.length || file.readUInt32LE(at) !== magic) return undefined;
  if (crc32c(file.subarray(at, at + 24)) !== file.readUInt32LE(at + 24)) return undefined;
  return {
    sequence: file.readDoubleLE(at + 4),
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
      if (torn && laterBatch(file, at + 1, sequence))
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

/** Whether a batch newer than `sequence` begins anywhere from `from` on. */
function laterBatch(file: Buffer, from: number, sequence: number): boolean {
  const mark = Buffer.alloc(4);
  mark.writeUInt32LE(magic);
  for (let at = file.indexOf(mark, from); at >= 0; at = file.indexOf(mark, at + 1)) {
    const header = readHeader(file, at);
    if (header !== undefined && header.sequence > sequence) return true;
  }
  return false;
}

const zeros = Buffer.alloc(64 * 1024);

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const part = bytes.subarray(at, at + zeros.length);
    if (part.compare(zeros, 0, part.length) !== 0) return false;
  }
  return true;
}
