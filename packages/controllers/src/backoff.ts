/** Waits that double with every failure of a thing, and start anew when it has been quiet for long. Pure but for its memory. */

interface Entry {
  readonly delayMs: number;
  readonly at: number;
}

export class Backoff {
  readonly #initialMs: number;
  readonly #maxMs: number;
  readonly #entries = new Map<string, Entry>();

  constructor(initialMs: number, maxMs: number) {
    this.#initialMs = initialMs;
    this.#maxMs = maxMs;
  }

  /** How long the thing must still wait at `now`; 0 when it need not. */
  leftMs(key: string, now: number): number {
    const entry = this.#entries.get(key);
    return entry === undefined ? 0 : Math.max(0, entry.at + entry.delayMs - now);
  }

  /** Counts a failure. Things that have been quiet for twice the longest wait are forgotten, so that the memory is bounded. */
  failed(key: string, now: number): void {
    for (const [other, { at }] of this.#entries) {
      if (now - at > 2 * this.#maxMs) this.#entries.delete(other);
    }
    const before = this.#entries.get(key)?.delayMs;
    const delayMs = before === undefined ? this.#initialMs : Math.min(before * 2, this.#maxMs);
    this.#entries.set(key, { delayMs, at: now });
  }
}
