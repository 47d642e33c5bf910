/** What the log's thread is asked to do, and what it answers. */
import type { HardState } from '@timonier/raft';

/** One batch of entries, already encoded, and what must be remembered with it. */
export interface Append {
  readonly type: 'append';
  readonly ticket: number;
  readonly batch: ArrayBuffer;
  readonly lastIndex: number;
  readonly hardState: HardState | undefined;
}

export type WalRequest =
  | Append
  | { readonly type: 'release'; readonly index: number }
  | { readonly type: 'close' };

export type WalAnswer =
  | { readonly type: 'durable'; readonly ticket: number; readonly syncMs: number }
  /** There is no room for a write, which is tried again and again; or there was some at last. */
  | { readonly type: 'full'; readonly full: boolean }
  /** Whether there is room for what comes after the segment in use. */
  | { readonly type: 'reserve'; readonly has: boolean }
  | { readonly type: 'closed' };
