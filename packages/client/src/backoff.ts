/**
 * Waiting: exponential backoff with jitter and a ceiling, and a sleep that a signal ends early.
 */

/** Delays that double from `baseMs` to `maxMs`; each is drawn between half and all of the current step. */
export class Backoff {
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #step: number;

  constructor(baseMs: number, maxMs: number, random: () => number = Math.random) {
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
    this.#random = random;
    this.#step = baseMs;
  }

  next(): number {
    const delay = this.#step * (0.5 + this.#random() / 2);
    this.#step = Math.min(this.#maxMs, this.#step * 2);
    return delay;
  }

  reset(): void {
    this.#step = this.#baseMs;
  }
}

/** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
