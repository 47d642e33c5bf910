/** Answers that hold for a while, each as long as it says; the number kept is bounded, and the oldest goes first. */
export class AnswerCache<T> {
  readonly #now: () => number;
  readonly #max: number;
  readonly #entries = new Map<string, { readonly value: T; readonly until: number }>();

  /** `now` in milliseconds. */
  constructor(now: () => number, max: number) {
    this.#now = now;
    this.#max = max;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#now() < entry.until) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  /** `forMs` of 0 keeps nothing. */
  set(key: string, value: T, forMs: number): void {
    if (!(forMs > 0)) return;
    this.#entries.delete(key);
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size >= this.#max && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(key, { value, until: this.#now() + forMs });
  }
}
