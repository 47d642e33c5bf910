/**
 * The multi-version state: every key at every revision since the last compaction, and the leases.
 *
 * Writes happen inside `write`, all changes of which share the next revision. Each applied log entry leaves its
 * changes for the disk in a journal (`takeJournal`); contents that are not on disk yet stay in memory, others are
 * read back through `Contents`. Everything here depends only on the state and on what is applied, so members agree.
 */
import { BlockTable } from './block-table.ts';
import { type ChangeSet, decodeBlock, encodeBlock } from './change-block.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import { KeyIndex, type KeyRange, type RevisionRecord } from './key-index.ts';
import {
  type DiskOperation,
  growthOf,
  type JournalRecord,
  leaseKey,
  leaseValue,
  revisionKey,
} from './state-records.ts';
import { Sweep } from './sweep.ts';
import { RevisionCache } from './revision-cache.ts';
import { type RecordTrace, sealBytes, StateCorruptError, traceOf } from './state-seal.ts';
import type { KeyValue } from './types.ts';

/** Where contents that were written to disk are read back from. */
export interface Contents {
  read(key: Buffer): Buffer | undefined;
}

export interface LeaseRecord {
  readonly id: bigint;
  readonly ttl: number;
  /** What was left at the last checkpoint, in seconds; 0 when there was none since it was renewed. */
  readonly remaining: number;
  readonly keys: Set<string>;
}

const cacheBytes = 64 * 1024 * 1024;

function sizeOf(changes: ChangeSet): number {
  let bytes = 0;
  for (const change of changes) bytes += 120 + change.key.length + change.value.length;
  return bytes;
}

const nothing = Buffer.alloc(0);
/** Blocks that are struck off the list together. */
const goneAtOnce = 256;
/** What one slice of a sweep rewrites at most, the last block aside. */
const sliceBytes = 64 * 1024;
/** Keys of which the history is looked through in the time that a block takes, and at most in one slice. */
const keysPerBlock = 64;
const sliceKeys = 2_000;

export class Mvcc {
  readonly index = new KeyIndex();
  readonly leases = new Map<bigint, LeaseRecord>();
  readonly bugs: KnownBugs;
  readonly #contents: Contents;
  /** Not on disk yet: must stay. */
  readonly #overlay = new Map<number, ChangeSet>();
  /** On disk: kept while there is room, least recently used first. */
  readonly #cache = new RevisionCache<ChangeSet>(cacheBytes, sizeOf);
  #revision = 1;
  #compactRevision = 0;
  #operations: DiskOperation[] = [];
  #revisions: number[] = [];
  #bytes = 0;
  #growth = 0;
  #open: KeyValue[] | undefined;
  readonly #blocks = new BlockTable();
  /** Blocks as they will be on disk once the journal is. */
  readonly #unwritten = new Map<number, Buffer>();
  #blocksChanged: [start: number, bytes: Buffer][] = [];
  #sweep: Sweep | undefined;
  #sweepDue = false;
  /** Blocks of which nothing is left, and which `#blocks` still names. */
  readonly #gone = new Set<number>();

  constructor(contents: Contents, bugs = noBugs) {
    this.#contents = contents;
    this.bugs = bugs;
  }

  get revision(): number {
    return this.#revision;
  }

  get compactRevision(): number {
    return this.#compactRevision;
  }

  /** Approximate bytes held for the overlay and the cache. */
  get memoryBytes(): number {
    return this.#cache.size + this.#bytes;
  }

  // Loading

  /** Takes counters from disk. Call before `load`. */
  restore(revision: number, compactRevision: number): void {
    this.#revision = revision;
    this.#compactRevision = compactRevision;
    // An earlier life may have ended in the middle.
    this.#sweepDue = compactRevision > 0;
  }

  loadLease(id: bigint, value: Buffer): void {
    if (this.bugs.has('lease-lost-on-restart')) return;
    const remaining = value.length >= 16 ? value.readDoubleLE(8) : 0;
    this.leases.set(id, { id, ttl: value.readDoubleLE(0), remaining, keys: new Set() });
  }

  /** Takes one block from disk, in ascending order. Its seal lies in memory behind it. */
  load(start: number, bytes: Buffer): void {
    const sets = decodeBlock(bytes);
    this.#blocks.add(start, leftIn(sets.map(([, changes]) => changes)));
    this.#blocks.written(start, traceOf(bytes));
    for (const [main, changes] of sets) this.#load(main, changes);
  }

  #load(main: number, changes: ChangeSet): void {
    for (const [sub, change] of changes.entries()) {
      // A change that compaction overtook stays as a gap so that positions hold.
      if (change.key.length === 0) continue;
      if (change.version === 0 && this.bugs.has('deletion-lost')) continue;
      const key = change.key.toString('latin1');
      this.#attach(key, change);
      this.index.put(key, {
        main,
        sub,
        create: change.createRevision,
        version: change.version,
      });
    }
  }

  // Reading

  /** All changes of a revision; undefined when there are none or they were compacted. */
  changes(main: number): ChangeSet | undefined {
    const fresh = this.#overlay.get(main);
    if (fresh !== undefined) return fresh;
    const cached = this.#cache.get(main);
    if (cached !== undefined) return cached;
    const start = this.#blocks.of(main);
    if (start === undefined || this.#gone.has(start)) return undefined;
    const bytes = this.#readBlock(start);
    let found: ChangeSet | undefined;
    for (const [revision, changes] of decodeBlock(bytes)) {
      if (revision === main) found = changes;
      // What lies together was written together, and is often read together.
      this.#cache.set(revision, changes);
    }
    return found;
  }

  /**
   * What is stored, as bytes of the history up to `revision`, ascending: equal on members that agree and are compacted
   * alike. Each block is read when it is asked for; the caller minds that compaction may come in between.
   */
  *history(revision: number): Generator<Buffer> {
    for (const start of this.#blocks.upTo(revision)) {
      if (this.#gone.has(start)) continue;
      const bytes = this.#readBlock(start);
      const sets = decodeBlock(bytes);
      if ((sets.at(-1)?.[0] ?? 0) <= revision) yield bytes;
      else yield encodeBlock(sets.filter(([main]) => main <= revision).map(([, changes]) => changes));
    }
  }

  content(record: RevisionRecord): KeyValue {
    const set =
      record.main === this.#revision + 1 && this.#open !== undefined ? this.#open : this.changes(record.main);
    const change = set?.[record.sub];
    if (change === undefined)
      throw new Error(`revision ${record.main}.${record.sub} is in the index but not stored`);
    return change;
  }

  /** The revision a read without one sees: inside a write, what was written so far counts. */
  get current(): number {
    return this.#open === undefined || this.#open.length === 0 ? this.#revision : this.#revision + 1;
  }

  get(key: string, revision = this.current): KeyValue | undefined {
    const record = this.index.at(key, revision);
    return record === undefined ? undefined : this.content(record);
  }

  // Writing

  /** Runs `change`, whose puts and deletes share one new revision. Without any, the revision stays. */
  write<T>(change: () => T): T {
    const changes: KeyValue[] = [];
    this.#open = changes;
    let result: T;
    try {
      result = change();
    } finally {
      this.#open = undefined;
    }
    if (changes.length > 0) {
      this.#revision += 1;
      this.#overlay.set(this.#revision, changes);
      this.#revisions.push(this.#revision);
    }
    return result;
  }

  /** Keeps both buffers. */
  put(keyBytes: Buffer, value: Buffer, lease: bigint): void {
    const key = keyBytes.toString('latin1');
    const before = this.index.latest(key);
    const exists = before !== undefined && before.version > 0;
    const main = this.#revision + 1;
    this.#change(key, {
      key: keyBytes,
      createRevision: exists ? before.create : main,
      modRevision: main,
      version: exists ? before.version + 1 : 1,
      value,
      lease,
    });
  }

  /** Deletes existing keys of a range. Returns them as they were. */
  deleteRange(range: KeyRange): KeyValue[] {
    const records: [string, RevisionRecord][] = [];
    this.index.scan(range, this.current, (key, record) => void records.push([key, record]));
    return records.map(([key, record]) => {
      const before = this.content(record);
      this.#change(key, {
        key: before.key,
        createRevision: 0,
        modRevision: this.#revision + 1,
        version: 0,
        value: nothing,
        lease: 0n,
      });
      return before;
    });
  }

  #change(key: string, change: KeyValue): void {
    const open = this.#open;
    if (open === undefined) throw new Error('a change outside of a write');
    this.index.put(key, {
      main: change.modRevision,
      sub: open.length,
      create: change.createRevision,
      version: change.version,
    });
    this.#attach(key, change);
    open.push(change);
  }

  readonly #leaseOf = new Map<string, bigint>();

  #attach(key: string, change: KeyValue): void {
    const before = this.#leaseOf.get(key) ?? 0n;
    if (before === change.lease || (change.lease === 0n && this.bugs.has('lease-not-detached'))) return;
    this.leases.get(before)?.keys.delete(key);
    if (change.lease === 0n) this.#leaseOf.delete(key);
    else {
      this.#leaseOf.set(key, change.lease);
      this.leases.get(change.lease)?.keys.add(key);
    }
  }

  grantLease(id: bigint, ttl: number): void {
    this.leases.set(id, { id, ttl, remaining: 0, keys: new Set() });
    this.#put(leaseKey(id), leaseValue(ttl), null);
  }

  /** Writes down what is left of a lease, in seconds; 0 for all of it. One that is gone is nobody's business. */
  checkpointLease(id: bigint, remaining: number): void {
    const lease = this.leases.get(id);
    if (lease === undefined || lease.remaining === remaining) return;
    this.leases.set(id, { ...lease, remaining });
    this.#put(leaseKey(id), leaseValue(lease.ttl, remaining), leaseValue(lease.ttl, lease.remaining));
  }

  /** Removes a lease and deletes its keys in one revision. */
  revokeLease(id: bigint): void {
    const lease = this.leases.get(id);
    if (lease === undefined) return;
    this.write(() => {
      for (const key of [...lease.keys].sort()) this.deleteRange({ from: key, to: undefined });
    });
    this.leases.delete(id);
    this.#delete(leaseKey(id), leaseValue(lease.ttl, lease.remaining));
  }

  /** Forgets history below `revision`: nobody may read it from now on. `sweep` takes it away. */
  compact(revision: number): void {
    this.#compactRevision = revision;
    this.#sweepDue = true;
  }

  /** Whether history is left that nobody may read. */
  get sweeping(): boolean {
    return this.#sweepDue || this.#sweep !== undefined;
  }

  /**
   * Takes away a slice of the history that was compacted. What that changes on disk is part of the next journal record.
   * Not while a log entry is being applied. `most` is how many blocks it rewrites, or so many times 64 keys it looks at.
   */
  sweep(most: number): void {
    if (this.#sweep === undefined) {
      if (!this.#sweepDue) return;
      this.#sweepDue = false;
      this.#sweep = new Sweep(this.#compactRevision);
    }
    const sweep = this.#sweep;
    if (!sweep.indexDone) {
      const tooMuch = this.bugs.has('live-revision-compacted');
      const keys = Math.min(sliceKeys, most * keysPerBlock);
      sweep.index(this.index, keys, (main) => this.#blocks.of(main), tooMuch);
      return;
    }
    let block: ReturnType<Sweep['next']>;
    for (let blocks = 0, bytes = 0; blocks < most && bytes < sliceBytes; blocks++) {
      block = sweep.next();
      if (block === undefined) break;
      bytes += this.#compactBlock(sweep.revision, ...block);
    }
    if (this.#gone.size >= goneAtOnce || block === undefined) {
      this.#blocks.remove(this.#gone);
      this.#gone.clear();
    }
    if (block === undefined) this.#sweep = undefined;
  }

  /** Takes the `going` changes out of a block that the index has no more. Returns how many bytes it had to read. */
  #compactBlock(revision: number, start: number, going: number): number {
    const blocks = this.#blocks;
    const trace = blocks.trace(start);
    if (going === blocks.left(start)) {
      const before = trace ?? this.#readBlock(start);
      const end = blocks.after(start) ?? this.#revision + 1;
      for (let main = start; main < end; main++) this.#cache.delete(main);
      this.#drop(start, before);
      return Buffer.isBuffer(before) ? before.length : 0;
    }
    const bytes = this.#readBlock(start);
    const left: ChangeSet[] = [];
    for (const [main, changes] of decodeBlock(bytes)) {
      const kept = main > revision ? changes : this.#still(main, changes);
      if (kept !== changes) {
        this.#cache.delete(main);
        if (this.#overlay.has(main)) this.#overlay.set(main, kept);
      }
      if (kept.some((change) => change.key.length > 0)) left.push(kept);
    }
    if (left.length === 0) this.#drop(start, bytes);
    else {
      this.#putBlock(start, left, bytes);
      blocks.rewritten(start, leftIn(left));
    }
    return bytes.length;
  }

  #drop(start: number, before: Buffer | RecordTrace): void {
    this.#delete(revisionKey(start), before);
    this.#gone.add(start);
  }

  /** The changes of a revision without those that the index has no more. A gap stays where each was, so that positions hold. */
  #still(main: number, changes: ChangeSet): ChangeSet {
    const goes = ({ key }: KeyValue, sub: number): boolean =>
      key.length > 0 && !this.index.has(key.toString('latin1'), main, sub);
    if (!changes.some(goes)) return changes;
    const gap: KeyValue = {
      key: nothing,
      createRevision: 0,
      modRevision: main,
      version: 0,
      value: nothing,
      lease: 0n,
    };
    return changes.map((change, sub) => (goes(change, sub) ? gap : change));
  }

  #readBlock(start: number): Buffer {
    const bytes = this.#unwritten.get(start) ?? this.#contents.read(revisionKey(start));
    // Silence would be a hole in somebody's watch.
    if (bytes === undefined) throw new StateCorruptError(`the block of revision ${start} is missing`);
    return bytes;
  }

  #putBlock(start: number, sets: readonly ChangeSet[], before: Buffer | null): void {
    const bytes = encodeBlock(sets, sealBytes);
    this.#unwritten.set(start, bytes);
    this.#blocksChanged.push([start, bytes]);
    this.#put(revisionKey(start), bytes, before, true);
  }

  #put(key: Buffer, value: Buffer, before: Buffer | null, room = false): void {
    this.#note({ type: 'put', key, value, before, room });
    this.#bytes += key.length + value.length;
  }

  #delete(key: Buffer, before: Buffer | RecordTrace): void {
    this.#note({ type: 'del', key, before });
  }

  #note(operation: DiskOperation): void {
    this.#operations.push(operation);
    this.#growth += growthOf(operation);
  }

  // Towards the disk

  /** What was changed since the last call, as the record of log entry `index`. */
  takeJournal(index: number, term: number, extra: readonly DiskOperation[] = []): JournalRecord {
    const [first] = this.#revisions;
    if (first !== undefined) {
      const sets = this.#revisions.map((main) => this.#overlay.get(main) ?? []);
      this.#putBlock(first, sets, null);
      this.#blocks.add(first, leftIn(sets));
    }
    const record: JournalRecord = {
      index,
      term,
      revision: this.#revision,
      compactRevision: this.#compactRevision,
      operations: extra.length === 0 ? this.#operations : [...this.#operations, ...extra],
      revisions: this.#revisions,
      blocks: this.#blocksChanged,
      bytes: this.#bytes,
      growth: extra.reduce((sum, operation) => sum + growthOf(operation), this.#growth),
    };
    this.#operations = [];
    this.#revisions = [];
    this.#blocksChanged = [];
    this.#bytes = 0;
    this.#growth = 0;
    return record;
  }

  /** Says that a journal record is on disk, its blocks sealed where they lay: its contents may leave memory. */
  flushed(record: JournalRecord): void {
    for (const [start, bytes] of record.blocks)
      if (this.#unwritten.get(start) === bytes) {
        this.#unwritten.delete(start);
        this.#blocks.written(start, traceOf(bytes));
      }
    for (const main of record.revisions) {
      const changes = this.#overlay.get(main);
      if (changes === undefined) continue;
      this.#overlay.delete(main);
      this.#cache.set(main, changes);
    }
  }
}

/** How many changes were not taken out. */
function leftIn(sets: readonly ChangeSet[]): number {
  let left = 0;
  for (const set of sets) for (const { key } of set) if (key.length > 0) left += 1;
  return left;
}
