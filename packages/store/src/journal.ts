/**
 * What was changed since the last log entry, gathered as operations on the disk's records: the next record of the
 * journal that a flush writes down.
 */
import {
  type DiskOperation,
  growthOf,
  type JournalCounters,
  type JournalRecord,
  revisionKey,
} from './state-records.ts';
import type { RecordTrace } from './state-seal.ts';

export class Journal {
  #operations: DiskOperation[] = [];
  #revisions: number[] = [];
  #blocks: [start: number, bytes: Buffer][] = [];
  #bytes = 0;
  #growth = 0;

  /** Of what the next record holds in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Which came since the last record, ascending. */
  get revisions(): readonly number[] {
    return this.#revisions;
  }

  /** A revision came that is in memory only until the record is on disk. */
  revision(main: number): void {
    this.#revisions.push(main);
  }

  /** `before` is the payload that the record had, null for none; `room` says that the memory behind `value` is free. */
  put(key: Buffer, value: Buffer, before: Buffer | null, room = false): void {
    this.#note({ type: 'put', key, value, before, room });
    this.#bytes += key.length + value.length;
  }

  /** `before` is the payload that the record had, or what its share of the tally can be told from. */
  delete(key: Buffer, before: Buffer | RecordTrace): void {
    this.#note({ type: 'del', key, before });
  }

  /** A block of history, with room for its seal right behind it in memory. */
  block(start: number, bytes: Buffer, before: Buffer | null): void {
    this.#blocks.push([start, bytes]);
    this.put(revisionKey(start), bytes, before, true);
  }

  #note(operation: DiskOperation): void {
    this.#operations.push(operation);
    this.#growth += growthOf(operation);
  }

  /** Everything since the last call, and operations on records that are not the journal's own, as one record. */
  take(counters: JournalCounters, extra: readonly DiskOperation[]): JournalRecord {
    const record: JournalRecord = {
      index: counters.index,
      term: counters.term,
      revision: counters.revision,
      compactRevision: counters.compactRevision,
      operations: extra.length === 0 ? this.#operations : [...this.#operations, ...extra],
      revisions: this.#revisions,
      blocks: this.#blocks,
      bytes: this.#bytes,
      growth: extra.reduce((sum, operation) => sum + growthOf(operation), this.#growth),
    };
    this.#operations = [];
    this.#revisions = [];
    this.#blocks = [];
    this.#bytes = 0;
    this.#growth = 0;
    return record;
  }
}
