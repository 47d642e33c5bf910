/**
 * The records that a state is made of on disk: their keys, the values of the small ones, and what becomes of them with a
 * log entry. Blocks of history are in change-block.ts, the records about the state itself in meta-records.ts.
 */
import { type RecordTrace, sealBytes } from './state-seal.ts';

export type DiskOperation = {
  readonly key: Buffer;
  /** What the record was before: null for none, absent when the disk has to look. */
  readonly before?: Buffer | RecordTrace | null;
} & (
  | {
      readonly type: 'put';
      readonly value: Buffer;
      /** Whether the memory right behind the value is free for a seal (state-seal.ts). */
      readonly room?: boolean;
    }
  | { readonly type: 'del' }
);

/** Where the state is after a log entry. */
export interface JournalCounters {
  readonly index: number;
  readonly term: number;
  readonly revision: number;
  readonly compactRevision: number;
}

/** What one log entry changed on disk, and the counters after it. */
export interface JournalRecord extends JournalCounters {
  readonly operations: readonly DiskOperation[];
  /** Revisions whose contents are in memory only until this record is on disk. */
  readonly revisions: readonly number[];
  /** Blocks among the operations. */
  readonly blocks: readonly (readonly [start: number, bytes: Buffer])[];
  /** Held for it in memory. */
  readonly bytes: number;
  /** By how much keys and sealed values on disk grow with it; never less than they do. */
  readonly growth: number;
}

/** Of the block that begins with a revision; the order of keys is that of revisions. */
export function revisionKey(main: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = 0x72; // r
  key.writeUInt32BE(Math.floor(main / 0x1_0000_0000), 1);
  key.writeUInt32BE(main >>> 0, 5);
  return key;
}

/** Whether a record is a block of revisions. */
export function isBlockKey(key: Buffer): boolean {
  return key.length === 9 && key[0] === 0x72;
}

/** First byte of the keys of leases. */
export const leasePrefix = 0x6c;

/** Ids are 64 bits without sign, as etcd's clients choose them. */
export function leaseKey(id: bigint): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = leasePrefix;
  key.writeBigUInt64BE(BigInt.asUintN(64, id), 1);
  return key;
}

/** The remaining time is there only when there was a checkpoint. */
export function leaseValue(ttl: number, remaining = 0): Buffer {
  const value = Buffer.allocUnsafe(remaining > 0 ? 16 : 8);
  value.writeDoubleLE(ttl);
  if (remaining > 0) value.writeDoubleLE(remaining, 8);
  return value;
}

/** In seconds; nothing remaining when there was no checkpoint. */
export function readLease(value: Buffer): { readonly ttl: number; readonly remaining: number } {
  return { ttl: value.readDoubleLE(0), remaining: value.length >= 16 ? value.readDoubleLE(8) : 0 };
}

/** By how much an operation makes the state grow on disk. What it does not say was there counts as nothing. */
export function growthOf(operation: DiskOperation): number {
  const record = operation.key.length + sealBytes;
  const before = operation.before == null ? 0 : record + operation.before.length;
  return operation.type === 'put' ? record + operation.value.length - before : -before;
}
