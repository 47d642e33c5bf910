/**
 * The write-ahead log's files: segments that are filled with zeros ahead of use, so that a write changes no metadata
 * and one `fdatasync` makes it durable. Synchronous on purpose: the caller is a thread that does nothing else.
 *
 * Invariant: a batch is written only after the one before it is durable. A write that finds no room changes nothing
 * and may be tried again; any other failure, of a sync above all, ends the log.
 */
import { join } from 'node:path';
import { isDiskFull } from './disk-room.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import { folderDisk, type LogDisk, type LogFile } from './log-disk.ts';
import { LogTail } from './log-tail.ts';
import {
  encodeBatch,
  isZero,
  type Position,
  scanSegment,
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
  /** Highest entry index the segment holds, 0 when none; of the last one the tail knows more. */
  lastIndex: number;
}

/**
 * What is written at a time before use. The page cache keeps it in one piece, and each write into that goes through all of
 * it: a sync behind pieces of a megabyte takes a fifth more of the processor.
 */
const zeroChunk = Buffer.alloc(32 * 1024);
/** Of the next segment, prepared at a time. */
const stepBytes = 2 * 1024 * 1024;

/** Names in the order of their numbers. */
export function segmentName(number: number): string {
  return `${String(number).padStart(12, '0')}.wal`;
}

export class WalFiles {
  readonly #segmentBytes: number;
  readonly #disk: LogDisk;
  readonly #bugs: KnownBugs;
  #segments: Segment[] = [];
  #file: LogFile | undefined;
  readonly #tail: LogTail;
  #spare: { readonly number: number; readonly file: LogFile; filled: number } | undefined;

  /** With a tail of others: they may write batches as well, while nobody is in a call of this. */
  constructor(options: WalFilesOptions, tail = new LogTail()) {
    this.#tail = tail;
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
    const files = numbers.map((number) => disk.read(segmentName(number)));
    this.#takeSpare(numbers, files);
    for (const [i, number] of numbers.entries()) {
      const name = segmentName(number);
      const path = join(disk.folder, name);
      const file = files[i] ?? zeroChunk.subarray(0, 0);
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
      if (last) {
        this.#file = disk.open(name);
        this.#tail.enter(number, scanned.end, segment.lastIndex, false);
        if (scanned.torn && !this.#bugs.has('torn-rest-stays'))
          this.#wipe(this.#file, scanned.end, file.length);
        // What a killed process wrote may be known to the page cache alone. It counts as durable from now on, and the
        // next batch must not reach the disk before it.
        if (!this.#bugs.has('recovered-not-synced')) this.#file.sync();
      }
    }
    this.#tail.follow(position ?? { sequence: 1, chain: 0 });
    if (this.#file === undefined) this.#enter(1, this.#create(1));
    return batches;
  }

  /** The last segment, when nothing was written to it and there is another, was made ahead of use. */
  #takeSpare(numbers: number[], files: Buffer[]): void {
    const number = numbers.at(-1);
    const file = files.at(-1);
    if (number === undefined || file === undefined || numbers.length < 2 || !isZero(file)) return;
    numbers.pop();
    files.pop();
    const name = segmentName(number);
    if (file.length < this.#segmentBytes) this.#disk.remove(name);
    else this.#spare = { number, file: this.#disk.open(name), filled: this.#segmentBytes };
  }

  /**
   * Writes batches (as made by `encodeBatch`) and syncs once. Throws when they are not durable. When there was no room
   * (`isDiskFull`), the same may be tried again; after any other error the log must end.
   */
  append(batches: readonly Buffer[], lastIndex: number, hardState: HardState | undefined): void {
    for (const batch of batches) {
      const { offset } = this.#tail;
      if (offset + batch.length > this.#segmentBytes && offset > 0) this.#roll();
      if (this.#tail.isNew) this.#repeatHardState();
      this.#tail.write(this.#current, batch);
      // A batch in the middle of one sync may be torn with good ones behind it; so every batch is synced by itself
      // unless it is the last. Callers merge instead of sending several.
      if (batch !== batches.at(-1)) this.#current.sync();
    }
    if (!this.#bugs.has('ack-before-fsync')) this.#current.sync();
    this.#tail.synced(lastIndex, hardState);
  }

  /**
   * Makes the next segment ahead of use, a little at a call, so that beginning it is quick and there is room for the
   * log when there is none for anything else. Returns how it stands; finding no room is no error.
   */
  prepare(): 'ready' | 'unfinished' | 'no-room' {
    const number = (this.#segments.at(-1)?.number ?? 0) + 1;
    try {
      this.#spare ??= { number, file: this.#disk.create(segmentName(number)), filled: 0 };
      const spare = this.#spare;
      if (spare.filled >= this.#segmentBytes) return 'ready';
      const to = Math.min(this.#segmentBytes, spare.filled + stepBytes);
      this.#wipe(spare.file, spare.filled, to);
      if (to === this.#segmentBytes) this.#disk.syncEntry(segmentName(number));
      spare.filled = to;
      return to === this.#segmentBytes ? 'ready' : 'unfinished';
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.#dropSpare();
      return 'no-room';
    }
  }

  #dropSpare(): void {
    if (this.#spare === undefined) return;
    this.#spare.file.close();
    this.#disk.remove(segmentName(this.#spare.number));
    this.#spare = undefined;
  }

  /** Deletes segments that hold nothing above `index`. */
  release(index: number): void {
    while (this.#segments.length > 1 && (this.#segments[0]?.lastIndex ?? Infinity) <= index) {
      const segment = this.#segments.shift();
      if (segment !== undefined) this.#disk.remove(segment.name);
    }
  }

  close(): void {
    this.#spare?.file.close();
    this.#spare = undefined;
    this.#file?.close();
    this.#file = undefined;
  }

  get #current(): LogFile {
    if (this.#file === undefined) throw new Error('the log is not open');
    return this.#file;
  }

  #note(segment: Segment, batch: WalBatch): void {
    if (batch.hardState !== undefined) this.#tail.synced(0, batch.hardState);
    for (const entry of batch.entries) segment.lastIndex = Math.max(segment.lastIndex, entry.index);
  }

  /** Goes on to the next segment. Nothing has changed when this throws for lack of room. */
  #roll(): void {
    // Everything before must be durable before a newer segment exists.
    this.#current.sync();
    const last = this.#segments.at(-1);
    if (last !== undefined) last.lastIndex = this.#tail.lastIndex;
    const number = (last?.number ?? 0) + 1;
    const isReady = this.#spare?.number === number && this.#spare.filled >= this.#segmentBytes;
    if (!isReady) this.#dropSpare();
    const next = this.#spare?.file ?? this.#create(number);
    this.#spare = undefined;
    this.#current.close();
    this.#enter(number, next);
  }

  #create(number: number): LogFile {
    const name = segmentName(number);
    const file = this.#disk.create(name);
    try {
      this.#wipe(file, 0, this.#segmentBytes);
      this.#disk.syncEntry(name);
    } catch (error) {
      file.close();
      this.#disk.remove(name);
      throw error;
    }
    return file;
  }

  #enter(number: number, file: LogFile): void {
    this.#file = file;
    this.#segments.push({ number, name: segmentName(number), lastIndex: 0 });
    this.#tail.enter(number, 0, 0, true);
  }

  /** Older segments may go at any time, so each begins with the hard state. */
  #repeatHardState(): void {
    const { hardState } = this.#tail;
    if (hardState !== undefined && !this.#bugs.has('hard-state-not-repeated')) {
      this.#tail.write(this.#current, encodeBatch({ hardState, entries: [] }));
      this.#current.sync();
    }
    this.#tail.begun();
  }

  #wipe(file: LogFile, from: number, to: number): void {
    for (let at = from; at < to; at += zeroChunk.length)
      file.write(zeroChunk.subarray(0, Math.min(zeroChunk.length, to - at)), at);
    file.sync();
  }
}
