/**
 * The write-ahead log's files: segments that are filled with zeros ahead of use, so that a write changes no metadata
 * and one `fdatasync` makes it durable. Synchronous on purpose: the caller is a thread that does nothing else.
 *
 * Invariant: a batch is written only after the one before it is durable, and a failed write or sync ends the log.
 */
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  encodeBatch,
  type Position,
  scanSegment,
  sealBatch,
  type WalBatch,
  WalCorruptError,
} from './wal-format.ts';
import type { HardState } from '@timonier/raft';

export interface WalFilesOptions {
  readonly folder: string;
  readonly segmentBytes: number;
}

interface Segment {
  readonly number: number;
  readonly path: string;
  /** Highest entry index the segment holds, 0 when none. */
  lastIndex: number;
}

const zeroChunk = Buffer.alloc(1024 * 1024);

export class WalFiles {
  readonly #options: WalFilesOptions;
  #segments: Segment[] = [];
  #fd = -1;
  #offset = 0;
  #size = 0;
  #position: Position = { sequence: 1, chain: 0 };
  #hardState: HardState | undefined;

  constructor(options: WalFilesOptions) {
    this.#options = options;
  }

  /** Opens or creates the log and returns everything it holds, oldest first. */
  open(): WalBatch[] {
    const { folder } = this.#options;
    mkdirSync(folder, { recursive: true });
    const numbers = readdirSync(folder)
      .map((name) => /^(\d{12})\.wal$/.exec(name)?.[1])
      .filter((text) => text !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
    const batches: WalBatch[] = [];
    let position: Position | undefined;
    let end = 0;
    for (const [i, number] of numbers.entries()) {
      const path = this.#path(number);
      const file = readFileSync(path);
      const scanned = scanSegment(path, file, position);
      const last = i === numbers.length - 1;
      if (scanned.torn && !last) {
        // A segment is left only for a synced successor, so its end must be clean.
        throw new WalCorruptError(`log segment ${path} is damaged at byte ${scanned.end}`);
      }
      if (i > 0 && number !== (numbers[i - 1] ?? 0) + 1)
        throw new WalCorruptError(`log segment before ${path} is missing`);
      const segment: Segment = { number, path, lastIndex: 0 };
      for (const batch of scanned.batches) {
        batches.push(batch);
        this.#note(segment, batch);
      }
      this.#segments.push(segment);
      if (scanned.batches.length > 0 || position === undefined)
        position = scanned.sequence === 0 ? position : scanned;
      end = scanned.end;
      if (last) {
        this.#fd = openSync(path, 'r+');
        this.#size = file.length;
        this.#offset = end;
        if (scanned.torn) this.#wipe(end, file.length);
      }
    }
    this.#position = position ?? { sequence: 1, chain: 0 };
    if (this.#fd < 0) this.#startSegment(1);
    return batches;
  }

  /** Writes batches (as made by `encodeBatch`) and syncs once. Throws when they are not durable. */
  append(batches: readonly Buffer[], lastIndex: number, hardState: HardState | undefined): void {
    for (const batch of batches) {
      if (this.#offset + batch.length > this.#options.segmentBytes && this.#offset > 0) this.#roll();
      const chain = sealBatch(batch, this.#position.sequence, this.#position.chain);
      this.#write(batch);
      this.#position = { sequence: this.#position.sequence + 1, chain };
      // A batch in the middle of one sync may be torn with good ones behind it; so every batch is synced by itself
      // unless it is the last. Callers merge instead of sending several.
      if (batch !== batches.at(-1)) fdatasyncSync(this.#fd);
    }
    fdatasyncSync(this.#fd);
    const segment = this.#segments.at(-1);
    if (segment !== undefined) segment.lastIndex = Math.max(segment.lastIndex, lastIndex);
    if (hardState !== undefined) this.#hardState = hardState;
  }

  /** Deletes segments that hold nothing above `index`. */
  release(index: number): void {
    while (this.#segments.length > 1 && (this.#segments[0]?.lastIndex ?? Infinity) <= index) {
      const segment = this.#segments.shift();
      if (segment !== undefined) rmSync(segment.path);
    }
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  #path(number: number): string {
    return join(this.#options.folder, `${String(number).padStart(12, '0')}.wal`);
  }

  #note(segment: Segment, batch: WalBatch): void {
    if (batch.hardState !== undefined) this.#hardState = batch.hardState;
    for (const entry of batch.entries) segment.lastIndex = Math.max(segment.lastIndex, entry.index);
  }

  #roll(): void {
    // Everything before must be durable before a newer segment exists.
    fdatasyncSync(this.#fd);
    closeSync(this.#fd);
    this.#startSegment((this.#segments.at(-1)?.number ?? 0) + 1);
    // Older segments may go at any time, so each begins with the hard state.
    if (this.#hardState !== undefined) {
      const batch = encodeBatch({ hardState: this.#hardState, entries: [] });
      const chain = sealBatch(batch, this.#position.sequence, this.#position.chain);
      this.#write(batch);
      this.#position = { sequence: this.#position.sequence + 1, chain };
      fdatasyncSync(this.#fd);
    }
  }

  #startSegment(number: number): void {
    const path = this.#path(number);
    this.#fd = openSync(path, 'w+', 0o600);
    this.#wipe(0, this.#options.segmentBytes);
    fsyncSync(this.#fd);
    const folder = openSync(this.#options.folder, 'r');
    fsyncSync(folder);
    closeSync(folder);
    this.#segments.push({ number, path, lastIndex: 0 });
    this.#offset = 0;
    this.#size = this.#options.segmentBytes;
  }

  #wipe(from: number, to: number): void {
    for (let at = from; at < to; at += zeroChunk.length)
      writeSync(this.#fd, zeroChunk, 0, Math.min(zeroChunk.length, to - at), at);
    fdatasyncSync(this.#fd);
  }

  #write(batch: Buffer): void {
    let written = 0;
    while (written < batch.length)
      written += writeSync(this.#fd, batch, written, batch.length - written, this.#offset + written);
    this.#offset += batch.length;
    this.#size = Math.max(this.#size, this.#offset);
  }
}
