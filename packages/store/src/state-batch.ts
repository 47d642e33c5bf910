/**
 * Journal records as one batch for the database: every value sealed, and what the state then adds up to.
 */
import type { DiskOperation, JournalRecord } from './state-records.ts';
import { seal, sealBytes, type Tally, TallyCounter } from './state-seal.ts';

export interface StateBatch {
  readonly operations: DiskOperation[];
  /** Of all records once the batch is written. */
  readonly tally: Tally;
  /** Bytes of what is overwritten or deleted by it. */
  readonly garbage: number;
}

export interface BatchSource {
  /** Before the batch. */
  readonly tally: Tally;
  /** The payload of a record as it is on disk; undefined when there is none. */
  read(key: Buffer): Buffer | undefined;
  /** Lets everything else have a turn in the middle of long work. */
  pause(): Promise<void>;
}

/** Sealed and added up in one turn: a millisecond of work. */
const sliceBytes = 256 * 1024;
/** The smallest records count for what they are in memory. */
const recordBytes = 1_000;

/** Rejects with what `read` throws. */
export async function batchOf(records: readonly JournalRecord[], source: BatchSource): Promise<StateBatch> {
  const counter = new TallyCounter(source.tally);
  let garbage = 0;
  const operations: DiskOperation[] = [];
  const before = earlier(source);
  let inSlice = 0;
  for (const record of records) {
    inSlice += record.bytes + recordBytes;
    if (inSlice > sliceBytes) {
      inSlice = 0;
      await source.pause();
    }
    for (const operation of record.operations) {
      const { key } = operation;
      const payload = operation.before === undefined ? before(operation) : operation.before;
      if (payload !== null) {
        counter.remove(key, payload);
        garbage += key.length + payload.length + sealBytes;
      }
      if (operation.type === 'put') {
        const value = seal(key, operation.value, operation.room);
        counter.add(key, value);
        operations.push({ type: 'put', key, value });
      } else operations.push({ type: 'del', key });
    }
  }
  return { operations, tally: counter.tally, garbage };
}

/** What records were before an operation of the batch, for those that do not say so themselves. */
function earlier(source: Pick<BatchSource, 'read'>): (operation: DiskOperation) => Buffer | null {
  const seen = new Map<string, Buffer | null>();
  return (operation) => {
    const name = operation.key.toString('latin1');
    const known = seen.get(name);
    const before = known === undefined ? (source.read(operation.key) ?? null) : known;
    seen.set(name, operation.type === 'put' ? operation.value : null);
    return before;
  };
}
