/**
 * Drives the sweep behind a compaction: a slice now and then, so that it takes a share of the thread and no more, and
 * what it leaves for the disk is written down before it grows large.
 */
import type { Clock } from './clock.ts';
import type { StateMachine } from './state-machine.ts';

export interface SweeperOptions {
  readonly clock: Pick<Clock, 'after'>;
  readonly machine: StateMachine;
  /** Writes down what has gathered. */
  readonly flush: () => void;
}

const maxHeldBytes = 8 * 1024 * 1024;
/** A slice takes a millisecond or a few. */
const pauseMs = 5;

export class Sweeper {
  readonly #o: SweeperOptions;
  #running = false;
  #stopped = false;
  #held = 0;

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
      this.#held += this.#o.machine.sweep() ?? 0;
      if (this.#held >= maxHeldBytes) {
        this.#held = 0;
        this.#o.flush();
      }
      this.poke();
    });
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
}
