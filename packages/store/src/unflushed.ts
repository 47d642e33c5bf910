/**
 * What was applied and is not on disk yet, and how it gets there: in synced batches, one at a time.
 *
 * Invariant: the disk never holds an entry that the local log could still lose, because only records up to the locally
 * durable index are written; nor does it say of itself what only entries behind that index made true.
 */
import type { Mvcc } from './mvcc.ts';
import type { StateDisk } from './state-disk.ts';
import type { StateMeta } from './state-meta.ts';
import type { JournalRecord } from './state-records.ts';

export interface UnflushedOptions {
  readonly disk: Pick<StateDisk, 'flush' | 'tally' | 'pause'>;
  /** What the state would say of itself if it ended with this record. */
  readonly describe: (record: JournalRecord) => StateMeta;
  /** The last entry that changed what a state says about itself. */
  readonly describedAt: () => number;
}

const flushBytes = 4 * 1024 * 1024;
/** Records whose contents leave memory in one turn. */
const sliceRecords = 1_000;

export class Unflushed {
  readonly #options: UnflushedOptions;
  #state: Pick<Mvcc, 'flushed'>;
  #journal: JournalRecord[] = [];
  #journalBytes = 0;
  /** Of the records on disk as of the last flush, and by how much they will grow with the journal. */
  #flushedBytes = 0;
  #journalGrowth = 0;
  #flushedIndex = 0;
  #flushedTerm = 0;
  #flushing: Promise<void> | undefined;
  #suspended = false;

  /** `state` is told when its records are on disk. */
  constructor(state: Pick<Mvcc, 'flushed'>, options: UnflushedOptions) {
    this.#state = state;
    this.#options = options;
  }

  /** Of an entry that was applied, in the order of entries. */
  add(record: JournalRecord): void {
    this.#journal.push(record);
    this.#journalBytes += record.bytes;
    this.#journalGrowth += record.growth;
  }

  /** Of all records, keys and sealed values, once everything is on disk. */
  get stateBytes(): number {
    return this.#flushedBytes + this.#journalGrowth;
  }

  /** The index and term the disk holds. */
  get flushed(): { readonly index: number; readonly term: number } {
    return { index: this.#flushedIndex, term: this.#flushedTerm };
  }

  /** Whether enough has gathered that a flush should not wait for its turn. */
  get isDue(): boolean {
    return this.#journalBytes >= flushBytes && this.#flushing === undefined;
  }

  get isSuspended(): boolean {
    return this.#suspended;
  }

  /** Ends writing until `replaced`. Resolves when nothing is being written. */
  async suspend(): Promise<void> {
    this.#suspended = true;
    await this.#flushing;
  }

  /** Forgets what waits: another state is being read from the disk. */
  drop(): void {
    this.#journal = [];
    this.#journalBytes = 0;
  }

  /** What is on disk was read as this state; `meta` is what it says of itself, undefined when it is empty. */
  replaced(state: Pick<Mvcc, 'flushed'>, meta: StateMeta | undefined): void {
    this.#state = state;
    this.#flushedBytes = this.#options.disk.tally.bytes;
    this.#journalGrowth = 0;
    this.#suspended = false;
    if (meta === undefined) return;
    this.#flushedIndex = meta.index;
    this.#flushedTerm = meta.term;
  }

  /** Brings the disk up to `durableIndex`, or up to what is applied. One flush runs at a time; calls join it. */
  flush(durableIndex: number): Promise<void> {
    if (this.#suspended) return Promise.resolve();
    this.#flushing ??= this.#flush(durableIndex).finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #flush(durableIndex: number): Promise<void> {
    const { disk, describe, describedAt } = this.#options;
    let count = 0;
    while (count < this.#journal.length && (this.#journal[count]?.index ?? Infinity) <= durableIndex) count++;
    const records = this.#journal.slice(0, count);
    const last = records.at(-1);
    if (last === undefined) return;
    // What a state says about itself must not be ahead of the index beside it: entries between the two are carried out
    // again after a crash, and with an alarm or a version of later they would do something else. Wait for it.
    if (describedAt() > last.index) return;
    const state = this.#state;
    await disk.flush(records, describe(last));
    if (state !== this.#state) return;
    this.#journal = this.#journal.slice(count);
    // In one turn, for nothing may be counted twice.
    this.#flushedBytes = disk.tally.bytes;
    for (const record of records) {
      this.#journalBytes -= record.bytes;
      this.#journalGrowth -= record.growth;
    }
    for (const [i, record] of records.entries()) {
      if (i > 0 && i % sliceRecords === 0) await disk.pause();
      state.flushed(record);
    }
    this.#flushedIndex = last.index;
    this.#flushedTerm = last.term;
  }
}
