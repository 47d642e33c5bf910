/**
 * Drives the sweep behind a compaction: one slice a turn, with everything else in between, and no faster than the disk
 * takes what the slices change.
 */
import type { Clock } from './clock.ts';
import type { StateMachine } from './state-machine.ts';

export interface SweeperOptions {
  readonly clock: Pick<Clock, 'soon' | 'after'>;
  readonly machine: StateMachine;
  /** Writes down what has gathered. */
  readonly flush: () => void;
}

const maxUnwrittenBytes = 8 * 1024 * 1024;
const pauseMs = 20;

export class Sweeper {
  readonly #o: SweeperOptions;
  #running = false;
  #stopped = false;

  constructor(options: SweeperOptions) {
    this.#o = options;
  }

  /** There may be something to do. */
  poke(): void {
    if (this.#running || this.#stopped || !this.#o.machine.state.sweeping) return;
    this.#running = true;
    this.#o.clock.soon(() => this.#slice());
  }

  /** Resolves when nothing is left to take away, or after `timeoutMs`. */
  async done(timeoutMs: number): Promise<void> {
    const { clock, machine } = this.#o;
    for (let left = timeoutMs; left > 0 && machine.state.sweeping && !this.#stopped; left -= pauseMs) {
      this.poke();
      await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  #slice(): void {
    const { clock, machine, flush } = this.#o;
    this.#running = false;
    if (this.#stopped || !machine.sweep()) return;
    if (machine.unwrittenBytes < maxUnwrittenBytes) {
      this.poke();
      return;
    }
    flush();
    this.#running = true;
    clock.after(pauseMs, () => {
      this.#running = false;
      this.poke();
    });
  }
}
