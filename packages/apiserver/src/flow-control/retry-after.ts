/**
 * How long a client should wait that was turned away: the more were lately, the longer, as upstream: doubled when three
 * a second were over the last interval, one second less when it became quiet. Pure: the second comes from outside.
 */
const maxSeconds = 32;

export class RetryAfter {
  #history: { readonly second: number; readonly count: number }[] = [];
  #second = 0;
  #count = 0;
  #raisedAt = 0;
  #seconds = 1;

  /** What to tell who is turned away now. */
  get seconds(): number {
    return this.#seconds;
  }

  /** Somebody was turned away in this second of time. */
  record(second: number): void {
    if (second === this.#second) {
      this.#count++;
      return;
    }
    this.#history.push({ second: this.#second, count: this.#count });
    this.#history = this.#history.filter((entry) => second - entry.second <= maxSeconds);
    this.#second = second;
    this.#count = 1;
    let lately = 0;
    for (const entry of this.#history)
      if (entry.second < second && second - entry.second <= this.#seconds) lately += entry.count;
    if (second - this.#raisedAt >= this.#seconds && lately >= 3 * this.#seconds) {
      this.#seconds = Math.min(maxSeconds, this.#seconds * 2);
      this.#raisedAt = second;
    } else if (lately < this.#seconds && this.#seconds > 1) this.#seconds--;
  }
}
