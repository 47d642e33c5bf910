/**
 * Ends calls at their deadlines, with one timer for all calls of a connection: most are over long before theirs, and
 * the timer then finds nothing to do.
 */
import { maxWindow as longestTimeout } from './protocol.ts';

interface Expiring {
  /** Milliseconds on the clock of `performance.now`, which no change of the date moves. */
  deadline: number;
}

/** Between two visits of all calls, so that a thousand different deadlines do not cost a million visits. */
const atLeastMs = 5;

export class Deadlines<T extends Expiring> {
  readonly #all: () => Iterable<T>;
  readonly #expired: (one: T) => void;
  #timer: NodeJS.Timeout | undefined;
  #next = Number.POSITIVE_INFINITY;

  constructor(all: () => Iterable<T>, expired: (one: T) => void) {
    this.#all = all;
    this.#expired = expired;
  }

  expect(one: T, deadline: number): void {
    one.deadline = deadline;
    if (deadline < this.#next) this.#arm(deadline);
  }

  #arm(deadline: number): void {
    clearTimeout(this.#timer);
    this.#next = deadline;
    const wait = Math.max(1, Math.min(Math.ceil(deadline - performance.now()), longestTimeout));
    this.#timer = setTimeout(() => this.#visit(), wait);
    this.#timer.unref();
  }

  #visit(): void {
    this.#next = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const one of this.#all()) {
      if (one.deadline > now) next = Math.min(next, one.deadline);
      else {
        one.deadline = Number.POSITIVE_INFINITY;
        this.#expired(one);
      }
    }
    if (next < this.#next) this.#arm(Math.max(next, now + atLeastMs));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
