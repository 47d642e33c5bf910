/** Numbers of streams that ended a moment ago; the oldest are forgotten beyond the bound. */

export class RecentStreams {
  readonly #bound: number;
  readonly #ids = new Set<number>();

  constructor(bound: number) {
    this.#bound = bound;
  }

  add(id: number): void {
    this.#ids.add(id);
    if (this.#ids.size <= this.#bound) return;
    // Sets keep the order of insertion.
    const [oldest] = this.#ids;
    if (oldest !== undefined) this.#ids.delete(oldest);
  }

  has(id: number): boolean {
    return this.#ids.has(id);
  }

  delete(id: number): void {
    this.#ids.delete(id);
  }
}
