/**
 * Drives the sweep behind a compaction: a slice now and then, so that it takes a share of the thread and no more, and
 * what it leaves for the disk is written down before it grows large.
 */
import type { Clock } from './clock.ts';
import type { StateMachine } from './state-machine.ts';

export interface SweeperOptions {
  readonly clock: Pick<Clock, 'after' | 'now'>;
  readonly machine: StateMachine;
  /** Writes down what has gathered. */
  readonly flush: () => void;
}

const maxHeldBytes = 8 * 1024 * 1024;
const pauseMs = 5;
/** What a slice should take. It may take more blocks until it does. */
const sliceMs = 2;
const maxBlocks = 32;

export class Sweeper {
  readonly #o: SweeperOptions;
  #running = false;
  #stopped = false;
  #held = 0;
  #blocks = 1;

  constructor(options: SweeperOptions) {
    this.#o = options;
  }

  /** There may be something to do. */
  poke(): void {
    if (this.#running || this.#stopped || !this.#o.machine.state.sweeping) return;
    this.#running = true;
    this.#o.clock.after(pauseMs, () => {
      this.#running = false;
      if (this.#stopped) return;
      this.#slice();
      if (this.#held >= maxHeldBytes) {
        this.#held = 0;
        this.#o.flush();
      }
      this.poke();
    });
  }

  #slice(): void {
    const { clock, machine } = this.#o;
    const begin = clock.now();
    this.#held += machine.sweep(this.#blocks) ?? 0;
    this.#blocks =
      clock.now() - begin < sliceMs
        ? Math.min(maxBlocks, this.#blocks * 2)
        : Math.max(1, Math.floor(this.#blocks / 2));
  }

  /** Resolves when nothing is left to take away, after `timeoutMs`, or when nobody waits any more. */
  async done(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const { clock, machine } = this.#o;
    const over = (): boolean => this.#stopped || signal?.aborted === true || !machine.state.sweeping;
    for (let left = timeoutMs; left > 0 && !over(); left -= pauseMs) {
      this.poke();
      await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
    }
  }

  stop(): void {
    this.#stopped = true;
  }
}
