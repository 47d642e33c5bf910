/**
 * The write-ahead log's files: segments that are filled with zeros ahead of use, so that a write changes no metadata
 * and one `fdatasync` makes it durable. Synchronous on purpose: the caller is a thread that does nothing else.
 *
 * Invariant: a batch is written only after the one before it is durable, and a failed write or sync ends the log.
 */
import { join } from 'node:path';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import { folderDisk, type LogDisk, type LogFile } from './log-disk.ts';
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
  /** The folder of the machine, unless said otherwise. */
  readonly disk?: LogDisk;
  readonly bugs?: KnownBugs;
}

interface Segment {
  readonly number: number;
  readonly name: string;
  /** Highest entry index the segment holds, 0 when none. */
  lastIndex: number;
}

const zeroChunk = Buffer.alloc(1024 * 1024);

function segmentName(number: number): string {
  return `${String(number).padStart(12, '0')}.wal`;
}

export class WalFiles {
  readonly #segmentBytes: number;
  readonly #disk: LogDisk;
  readonly #bugs: KnownBugs;
  #segments: Segment[] = [];
  #file: LogFile | undefined;
  #offset = 0;
  #position: Position = { sequence: 1, chain: 0 };
  #hardState: HardState | undefined;

  constructor(options: WalFilesOptions) {
    this.#segmentBytes = options.segmentBytes;
    this.#disk = options.disk ?? folderDisk(options.folder);
    this.#bugs = options.bugs ?? noBugs;
  }

  /** Opens or creates the log and returns everything it holds, oldest first. */
  open(): WalBatch[] {
    const disk = this.#disk;
    const numbers = disk
      .list()
      .map((name) => /^(\d{12})\.wal$/.exec(name)?.[1])
      .filter((text) => text !== undefined)
      .map(Number)
      .sort((a, b) => a - b);
    const batches: WalBatch[] = [];
    let position: Position | undefined;
    let end = 0;
    for (const [i, number] of numbers.entries()) {
      const name = segmentName(number);
      const path = join(disk.folder, name);
      const file = disk.read(name);
      const scanned = scanSegment(path, file, position);
      const last = i === numbers.length - 1;
      if (scanned.torn && !last) {
        // A segment is left only for a synced successor, so its end must be clean.
        throw new WalCorruptError(`log segment ${path} is damaged at byte ${scanned.end}`);
      }
      if (i > 0 && number !== (numbers[i - 1] ?? 0) + 1)
        throw new WalCorruptError(`log segment before ${path} is missing`);
      const segment: Segment = { number, name, lastIndex: 0 };
      for (const batch of scanned.batches) {
        batches.push(batch);
        this.#note(segment, batch);
      }
      this.#segments.push(segment);
      if (scanned.batches.length > 0 || position === undefined)
        position = scanned.sequence === 0 ? position : scanned;
      end = scanned.end;
      if (last) {
        this.#file = disk.open(name);
        this.#offset = end;
        if (scanned.torn && !this.#bugs.has('torn-rest-stays')) this.#wipe(end, file.length);
      }
    }
    this.#position = position ?? { sequence: 1, chain: 0 };
    if (this.#file === undefined) this.#startSegment(1);
    return batches;
  }

  /** Writes batches (as made by `encodeBatch`) and syncs once. Throws when they are not durable. */
  append(batches: readonly Buffer[], lastIndex: number, hardState: HardState | undefined): void {
    for (const batch of batches) {
      if (this.#offset + batch.length > this.#segmentBytes && this.#offset > 0) this.#roll();
      const chain = sealBatch(batch, this.#position.sequence, this.#position.chain);
      this.#write(batch);
      this.#position = { sequence: this.#position.sequence + 1, chain };
      // A batch in the middle of one sync may be torn with good ones behind it; so every batch is synced by itself
      // unless it is the last. Callers merge instead of sending several.
      if (batch !== batches.at(-1)) this.#current.sync();
    }
    if (!this.#bugs.has('ack-before-fsync')) this.#current.sync();
    const segment = this.#segments.at(-1);
    if (segment !== undefined) segment.lastIndex = Math.max(segment.lastIndex, lastIndex);
    if (hardState !== undefined) this.#hardState = hardState;
  }

  /** Deletes segments that hold nothing above `index`. */
  release(index: number): void {
    while (this.#segments.length > 1 && (this.#segments[0]?.lastIndex ?? Infinity) <= index) {
      const segment = this.#segments.shift();
      if (segment !== undefined) this.#disk.remove(segment.name);
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  get #current(): LogFile {
    if (this.#file === undefined) throw new Error('the log is not open');
    return this.#file;
  }

  #note(segment: Segment, batch: WalBatch): void {
    if (batch.hardState !== undefined) this.#hardState = batch.hardState;
    for (const entry of batch.entries) segment.lastIndex = Math.max(segment.lastIndex, entry.index);
  }

  #roll(): void {
    // Everything before must be durable before a newer segment exists.
    this.#current.sync();
    this.#current.close();
    this.#startSegment((this.#segments.at(-1)?.number ?? 0) + 1);
    // Older segments may go at any time, so each begins with the hard state.
    if (this.#hardState !== undefined && !this.#bugs.has('hard-state-not-repeated')) {
      const batch = encodeBatch({ hardState: this.#hardState, entries: [] });
      const chain = sealBatch(batch, this.#position.sequence, this.#position.chain);
      this.#write(batch);
      this.#position = { sequence: this.#position.sequence + 1, chain };
      this.#current.sync();
    }
  }

  #startSegment(number: number): void {
    const name = segmentName(number);
    this.#file = this.#disk.create(name);
    this.#wipe(0, this.#segmentBytes);
    this.#disk.syncEntry(name);
    this.#segments.push({ number, name, lastIndex: 0 });
    this.#offset = 0;
  }

  #wipe(from: number, to: number): void {
    for (let at = from; at < to; at += zeroChunk.length)
      this.#current.write(zeroChunk.subarray(0, Math.min(zeroChunk.length, to - at)), at);
    this.#current.sync();
  }

  #write(batch: Buffer): void {
    this.#current.write(batch, this.#offset);
    this.#offset += batch.length;
  }
}
