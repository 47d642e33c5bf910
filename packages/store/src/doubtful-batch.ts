/**
 * A batch that failed for lack of room, of which nobody knows yet whether the database has it: what its log took in
 * before the sync failed is carried out when it is opened anew.
 *
 * Invariant: whoever writes keeps the records of a failed batch and begins the next flush with them, in the same order
 * (unflushed.ts). Those that the database turns out to have are never carried out a second time: records that do not
 * say what they replace would be taken out of the tally as what they became.
 */
import type { MetaKeys } from './meta-records.ts';
import type { StateMeta } from './state-meta.ts';
import type { JournalRecord } from './state-records.ts';
import { sameTally, type Tally } from './state-seal.ts';

export interface Batch {
  /** Everything that its flush was asked to write, with what was on disk already. */
  readonly records: readonly JournalRecord[];
  readonly meta: StateMeta;
  /** Once it is written: of all records, of those about the state, and bytes that it overwrote or deleted. */
  readonly tally: Tally;
  readonly metaKeys: MetaKeys;
  readonly garbage: number;
}

export class DoubtfulBatch {
  #failed: Batch | undefined;
  /** On disk, although the flush that wrote them failed. */
  #there: readonly JournalRecord[] = [];

  failed(batch: Batch): void {
    this.#failed = batch;
  }

  /** A flush went through, or another state has taken the place. */
  clear(): void {
    this.#failed = undefined;
    this.#there = [];
  }

  /** The database says `meta` of itself now that it was opened anew. Returns the failed batch when that is in there. */
  opened(meta: StateMeta | undefined): Batch | undefined {
    const failed = this.#failed;
    this.#failed = undefined;
    if (failed === undefined || meta?.tally === undefined) return undefined;
    // History that went is a batch of the same index, and another tally. If both are the same, so are the contents.
    if (meta.index !== failed.meta.index || !sameTally(meta.tally, failed.tally)) return undefined;
    this.#there = failed.records;
    return failed;
  }

  /** Which of a flush's records are still to be written. */
  missing(records: readonly JournalRecord[]): readonly JournalRecord[] {
    const there = this.#there;
    if (there.some((record, i) => records[i] !== record))
      throw new Error(
        `a flush of ${records.length} records, from ${records[0]?.index}, does not begin with the ${there.length}, from ${there[0]?.index}, that failed before it`,
      );
    return records.slice(there.length);
  }
}
