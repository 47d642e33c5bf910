/**
 * The multi-version state: every key at every revision since the last compaction, and the leases.
 *
 * Writes happen inside `write`, all changes of which share the next revision. Each applied log entry leaves its
 * changes for the disk in a journal record (`takeJournal`). Which revisions a key has is in the index, what they changed
 * in the history. Everything here depends only on the state and on what is applied, so members agree.
 */
import type { ChangeSet } from './change-block.ts';
import { Journal } from './journal.ts';
import { KeyIndex, type KeyRange, type RevisionRecord } from './key-index.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import { type LeaseRecord, LeaseTable } from './lease-table.ts';
import { type Contents, RevisionHistory } from './revision-history.ts';
import { type DiskOperation, type JournalRecord, leaseKey, leaseValue, readLease } from './state-records.ts';
import { Sweep } from './sweep.ts';
import type { KeyValue } from './types.ts';

const nothing = Buffer.alloc(0);

export class Mvcc {
  readonly index = new KeyIndex();
  readonly bugs: KnownBugs;
  readonly #leases = new LeaseTable();
  readonly #journal = new Journal();
  readonly #history: RevisionHistory;
  #revision = 1;
  #compactRevision = 0;
  /** Changes of the write that is under way. */
  #open: KeyValue[] | undefined;
  #sweep: Sweep | undefined;
  #sweepDue = false;

  constructor(contents: Contents, bugs = noBugs) {
    this.#history = new RevisionHistory(contents, this.#journal);
    this.bugs = bugs;
  }

  /** The newest; 1 when nothing was written yet, as in etcd. */
  get revision(): number {
    return this.#revision;
  }

  /** Nothing older may be read; 0 when nothing was compacted. */
  get compactRevision(): number {
    return this.#compactRevision;
  }

  get leases(): ReadonlyMap<bigint, LeaseRecord> {
    return this.#leases.byId;
  }

  /** Approximate bytes held for the next journal record and the cache. */
  get memoryBytes(): number {
    return this.#history.cachedBytes + this.#journal.bytes;
  }

  // Loading

  /** Takes counters from disk. Call before `load`. */
  restore(revision: number, compactRevision: number): void {
    this.#revision = revision;
    this.#compactRevision = compactRevision;
    // An earlier life may have ended in the middle.
    this.#sweepDue = compactRevision > 0;
  }

  /** Takes one lease from disk, before the blocks whose keys hang on it. */
  loadLease(id: bigint, value: Buffer): void {
    if (this.bugs.has('lease-lost-on-restart')) return;
    const { ttl, remaining } = readLease(value);
    this.#leases.add(id, ttl, remaining);
  }

  /** Takes one block from disk, in ascending order. Its seal lies in memory behind it. */
  load(start: number, bytes: Buffer): void {
    for (const [main, changes] of this.#history.load(start, bytes)) this.#load(main, changes);
  }

  #load(main: number, changes: ChangeSet): void {
    for (const [sub, change] of changes.entries()) {
      // A change that compaction overtook stays as a gap so that positions hold.
      if (change.key.length === 0) continue;
      if (change.version === 0 && this.bugs.has('deletion-lost')) continue;
      const key = change.key.toString('latin1');
      this.#attach(key, change.lease);
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
    return this.#history.changes(main);
  }

  /**
   * What is stored, as bytes of the history up to `revision`, ascending: equal on members that agree and are compacted
   * alike. Each block is read when it is asked for; the caller minds that compaction may come in between.
   */
  history(revision: number): Generator<Buffer> {
    return this.#history.blocks(revision);
  }

  /** The change that an index record stands for. Throws `StateCorruptError`, or an etcd error while nothing can be read. */
  content(record: RevisionRecord): KeyValue {
    const set =
      record.main === this.#revision + 1 && this.#open !== undefined
        ? this.#open
        : this.#history.changes(record.main);
    const change = set?.[record.sub];
    if (change === undefined)
      throw new Error(`revision ${record.main}.${record.sub} is in the index but not stored`);
    return change;
  }

  /** The revision a read without one sees: inside a write, what was written so far counts. */
  get current(): number {
    return this.#open === undefined || this.#open.length === 0 ? this.#revision : this.#revision + 1;
  }

  /** What a key (one character a byte) was at a revision; undefined when it did not exist. Throws like `content`. */
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
      this.#history.add(this.#revision, changes);
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
    this.#attach(key, change.lease);
    open.push(change);
  }

  #attach(key: string, lease: bigint): void {
    if (lease === 0n && this.bugs.has('lease-not-detached')) return;
    this.#leases.attach(key, lease);
  }

  // Leases

  /** `ttl` in seconds; the id must be free. */
  grantLease(id: bigint, ttl: number): void {
    this.#leases.add(id, ttl);
    this.#journal.put(leaseKey(id), leaseValue(ttl), null);
  }

  /** Writes down what is left of a lease, in seconds; 0 for all of it. One that is gone is nobody's business. */
  checkpointLease(id: bigint, remaining: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined || lease.remaining === remaining) return;
    this.#leases.checkpoint(lease, remaining);
    this.#journal.put(leaseKey(id), leaseValue(lease.ttl, remaining), leaseValue(lease.ttl, lease.remaining));
  }

  /** Removes a lease and deletes its keys in one revision. */
  revokeLease(id: bigint): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    this.write(() => {
      for (const key of [...lease.keys].sort()) this.deleteRange({ from: key, to: undefined });
    });
    this.#leases.remove(id);
    this.#journal.delete(leaseKey(id), leaseValue(lease.ttl, lease.remaining));
  }

  // Compaction

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
      this.#sweep = new Sweep(this.#compactRevision, this.index, this.#history, this.bugs);
    }
    if (!this.#sweep.slice(most)) this.#sweep = undefined;
  }

  // Towards the disk

  /** What was changed since the last call, as the record of log entry `index`. */
  takeJournal(index: number, term: number, extra: readonly DiskOperation[] = []): JournalRecord {
    this.#history.close();
    const counters = { index, term, revision: this.#revision, compactRevision: this.#compactRevision };
    return this.#journal.take(counters, extra);
  }

  /** Says that a journal record is on disk, its blocks sealed where they lay: its contents may leave memory. */
  flushed(record: JournalRecord): void {
    this.#history.flushed(record);
  }
}
