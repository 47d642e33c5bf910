/**
 * So many at once, and others wait in line: for work whose memory nobody else bounds. Who waits longer than `patienceMs` is sent away
 * with 429.
 */
import { StatusError, tooManyRequests } from '@timonier/api/statuses';

export class Slots {
  readonly #waiting = new Set<() => void>();
  readonly #patienceMs: number;
  #free: number;

  constructor(count: number, patienceMs: number) {
    this.#free = count;
    this.#patienceMs = patienceMs;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#turn();
    try {
      return await work();
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#free++;
      else next();
    }
  }

  /** A place that somebody has left. */
  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = (): void => {
        this.#waiting.delete(call);
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(call);
        reject(new StatusError(tooManyRequests('too many lists of the past are read at once', 1)));
      }, this.#patienceMs);
      this.#waiting.add(call);
    });
  }
}
