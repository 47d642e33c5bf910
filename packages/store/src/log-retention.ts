/**
 * Which entries of the log stay behind the state: some for followers that lag, far more for those that are taking a
 * whole state in, and on a witness, which has no state to send, all that a full voter may still need.
 */
import type { Configuration, Entry, MemoryLog } from '@timonier/raft';
import { LogBudget } from './bounded-log.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';

export interface LogRetentionOptions {
  readonly log: MemoryLog;
  /** Entries kept behind the state for followers that lag. */
  readonly trailingEntries: number;
  readonly isWitness: boolean;
  readonly bugs?: KnownBugs;
}

/** What the state on disk holds, and what others may need. */
export interface Covered {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
  /** Every full voter has entries up to here. */
  readonly settled: number;
  /** Up to here nobody needs entries who is being sent a state. */
  readonly releasable: number;
}

const trailingBytes = 32 * 1024 * 1024;
/** For followers that are taking a whole state in. */
const heldBytes = 256 * 1024 * 1024;

export class LogRetention {
  readonly #o: LogRetentionOptions;
  readonly #budget: LogBudget;

  constructor(options: LogRetentionOptions) {
    this.#o = options;
    this.#budget = new LogBudget(options.log);
  }

  /** Bytes of the entries that are held. */
  get bytes(): number {
    return this.#budget.bytes;
  }

  /** How much is used of the room that there is while others take a state in, from 0 to 1. */
  get heldUsed(): number {
    return Math.max(0, this.#budget.bytes - trailingBytes) / (heldBytes - trailingBytes);
  }

  appended(entries: readonly Entry[]): void {
    this.#budget.appended(entries);
  }

  /** Everything was replaced. */
  reset(): void {
    this.#budget.reset();
  }

  /** Cuts the log behind the state. Returns the first index that is left; undefined when it was not cut. */
  cut({ index, term, configuration, settled, releasable }: Covered): number | undefined {
    const { log, trailingEntries, isWitness, bugs = noBugs } = this.#o;
    if (index <= log.snapshot().index || index < log.firstIndex()) return undefined;
    const keepFrom =
      isWitness && !bugs.has('witness-forgets')
        ? Math.max(log.firstIndex(), Math.min(settled, index) + 1)
        : Math.min(
            this.#budget.keepFrom(index, trailingEntries, trailingBytes),
            Math.max(releasable + 1, this.#budget.keepFrom(index, Infinity, heldBytes)),
          );
    log.compact({ index, term, configuration }, keepFrom);
    this.#budget.cutTo(keepFrom);
    return keepFrom;
  }
}
