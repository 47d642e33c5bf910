/**
 * Drives the sweep behind a compaction: a slice now and then, so that it takes a share of the thread and no more, and
 * what it leaves for the disk is written down before it grows large.
 */
import type { Clock } from './clock.ts';
import type { StateMachine } from './state-machine.ts';
import { restAfter } from './transfer-pace.ts';

export interface SweeperOptions {
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly machine: StateMachine;
  /** Writes down what has gathered. */
  readonly flush: () => void;
}

const maxHeldBytes = 8 * 1024 * 1024;
/** What a slice should take. It may take more blocks until it does; one alone may take longer. */
const sliceMs = 1;
const maxBlocks = 256;
const leastRestMs = 5;
/** How many times as long as a slice took: all members sweep at the same time, and each put waits for most of them. */
const rests = 4;
const pollMs = 5;

export class Sweeper {
  readonly #o: SweeperOptions;
  #running = false;
  #stopped = false;
  #held = 0;
  #blocks = 1;
  #restMs = leastRestMs;
  /** Calls that wait for the end. */
  #waiting = 0;

  constructor(options: SweeperOptions) {
    this.#o = options;
  }

  /** There may be something to do. */
  poke(): void {
    if (this.#running || this.#stopped || !this.#o.machine.state.sweeping) return;
    this.#running = true;
    const { clock } = this.#o;
    const restMs = this.#waiting > 0 ? leastRestMs : this.#restMs;
    const due = clock.now() + restMs;
    clock.after(restMs, () => {
      this.#running = false;
      if (this.#stopped) return;
      this.#slice(due);
      if (this.#held >= maxHeldBytes) {
        this.#held = 0;
        this.#o.flush();
      }
      this.poke();
    });
  }

  #slice(due: number): void {
    const { clock, machine } = this.#o;
    const begin = clock.now();
    this.#held += machine.sweep(this.#blocks) ?? 0;
    const tookMs = clock.now() - begin;
    this.#blocks =
      tookMs < sliceMs ? Math.min(maxBlocks, this.#blocks * 2) : Math.max(1, Math.floor(this.#blocks / 2));
    this.#restMs = Math.max(leastRestMs, restAfter({ tookMs, lateMs: begin - due - 1, logUsed: 0, rests }));
  }

  /** Resolves when nothing is left to take away, after `timeoutMs`, or when nobody waits any more. */
  async done(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const { clock, machine } = this.#o;
    const over = (): boolean => this.#stopped || signal?.aborted === true || !machine.state.sweeping;
    this.#waiting += 1;
    try {
      for (let left = timeoutMs; left > 0 && !over(); left -= pollMs) {
        this.poke();
        await new Promise<void>((resolve) => void clock.after(pollMs, resolve));
      }
    } finally {
      this.#waiting -= 1;
    }
  }

  stop(): void {
    this.#stopped = true;
  }
}
