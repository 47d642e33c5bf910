/** What else the transaction of a write depends on and does. */
import type { Compare, RequestOp } from '../storage/etcd-messages.ts';

/** Further conditions and effects of the same transaction, such as the reservation of an address. */
export interface CommitExtras {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  /** Told once, whatever becomes of the transaction: at which revision it was committed, if it was. */
  readonly settled?: (outcome: { readonly committedAt?: number }) => void;
}

/** Two writes' worth of extras in one transaction. */
export function combined(a: CommitExtras | undefined, b: CommitExtras | undefined): CommitExtras | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return {
    compare: [...a.compare, ...b.compare],
    success: [...a.success, ...b.success],
    settled: (outcome) => {
      a.settled?.(outcome);
      b.settled?.(outcome);
    },
  };
}

/** Both conditions and effects, with further conditions. */
export function withConditions(
  extras: CommitExtras | undefined,
  compare: readonly Compare[],
): CommitExtras | undefined {
  if (compare.length === 0) return extras;
  return combined({ compare, success: [] }, extras);
}
