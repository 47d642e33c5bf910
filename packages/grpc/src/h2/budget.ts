/**
 * How many frames a peer may send that make work and carry none: PING, SETTINGS, PRIORITY, resets, empty data, unknown
 * frames, and more window updates than what it was sent calls for. A bucket that time fills slowly and useful traffic
 * fills quickly, so a peer that works is never near the bound and one that floods reaches it within milliseconds.
 */

/** Go's clients make room whenever they have read so much, on the stream and on the connection. */
const acknowledgedBytes = 4_096;
/** What a window of 2 GiB, read in such pieces, calls for. */
const mostUpdates = 2 ** 20;

export class IdleBudget {
  #tokens: number;
  #filledAt: number;
  /** Window updates that data calls for and that have not come. */
  #updates = 0;
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

  /** The same for a window update. */
  spendUpdate(now: number): boolean {
    if (this.#updates === 0) return this.spend(now);
    this.#updates--;
    return true;
  }

  /** Useful traffic: a request answered. */
  earn(): void {
    if (this.#tokens < this.#capacity) this.#tokens++;
  }

  /** A data frame that we sent: useful too, and its reader makes room for more. */
  sent(bytes: number): void {
    this.earn();
    const updates = 2 * (1 + Math.floor(bytes / acknowledgedBytes));
    this.#updates = Math.min(mostUpdates, this.#updates + updates);
  }
}
