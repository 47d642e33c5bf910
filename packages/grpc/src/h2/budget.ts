/**
 * How many frames a peer may send that make work and carry none: PING, SETTINGS, PRIORITY, resets, empty data, tiny
 * window updates, unknown frames. A bucket that time fills slowly and useful traffic fills quickly, so a peer that
 * works is never near the bound and one that floods reaches it within milliseconds.
 */

export class IdleBudget {
  #tokens: number;
  #filledAt: number;
  readonly #capacity: number;
  readonly #perMs: number;

  constructor(capacity: number, perSecond: number, now: number) {
    this.#capacity = capacity;
    this.#perMs = perSecond / 1000;
    this.#tokens = capacity;
    this.#filledAt = now;
  }

  /** False when there is nothing left: the peer floods. */
  spend(now: number): boolean {
    if (this.#tokens < 1) {
      this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#filledAt) * this.#perMs);
      this.#filledAt = now;
      if (this.#tokens < 1) return false;
    }
    this.#tokens--;
    return true;
  }

  /** Useful traffic: a request answered, a data frame that we sent. */
  earn(): void {
    if (this.#tokens < this.#capacity) this.#tokens++;
  }
}
