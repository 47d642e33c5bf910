/**
 * Applies what is committed to the state, in turns that leave room for other work; not while another state is being put
 * in the place of this one, nor while what entries ask for cannot be read.
 */
import type { RaftLog } from '@timonier/raft';
import type { Clock } from './clock.ts';
import type { StateMachine } from './state-machine.ts';

export interface ApplierOptions {
  readonly machine: StateMachine;
  readonly log: RaftLog;
  readonly clock: Pick<Clock, 'now' | 'soon' | 'after'>;
  /** The first entry of a term was applied. */
  readonly termBegan: (term: number) => void;
  readonly applied: (index: number) => void;
  readonly failed: (error: unknown) => void;
}

const budgetMs = 8;
const sliceBytes = 256 * 1024;
/** How soon entries are tried again that wait for the state to be readable. */
const unreadableMs = 10;

export class Applier {
  readonly #o: ApplierOptions;
  #commit: number;
  #applying = false;
  #replacing = false;
  #stopped = false;

  constructor(options: ApplierOptions, commit: number) {
    this.#o = options;
    this.#commit = commit;
  }

  /** Highest entry that is known to be committed. */
  get commit(): number {
    return this.#commit;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Everything up to `commit` is committed. */
  advance(commit: number): void {
    if (commit <= this.#commit) return;
    this.#commit = commit;
    this.apply();
  }

  /** A state that goes up to this entry comes in the place of this one: nothing is applied until `replaced`. */
  replace(upTo: number): void {
    this.#replacing = true;
    this.#commit = Math.max(this.#commit, upTo);
  }

  /** Whether another state is coming. */
  get replacing(): boolean {
    return this.#replacing;
  }

  replaced(): void {
    this.#replacing = false;
  }

  /** Goes on where it is. */
  apply(): void {
    if (this.#applying || this.#replacing || this.#stopped) return;
    const { machine, log, clock, termBegan, applied, failed } = this.#o;
    this.#applying = true;
    if (!machine.canApply) {
      clock.after(unreadableMs, () => {
        this.#applying = false;
        this.apply();
      });
      return;
    }
    const end = clock.now() + budgetMs;
    const before = machine.appliedIndex;
    try {
      while (machine.appliedIndex < this.#commit && clock.now() < end)
        for (const entry of log.entries(machine.appliedIndex + 1, this.#commit + 1, sliceBytes)) {
          machine.apply(entry);
          if (entry.type === 'noop') termBegan(entry.term);
        }
    } catch (error) {
      failed(error);
      return;
    } finally {
      this.#applying = false;
    }
    if (machine.appliedIndex > before) applied(machine.appliedIndex);
    if (machine.appliedIndex < this.#commit) clock.soon(() => this.apply());
  }
}
