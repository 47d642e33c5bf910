/**
 * Remembers what recent header blocks of a connection meant, because clients send the same block again and again.
 *
 * This is right only while equal bytes mean equal headers: a block's meaning depends on the dynamic table, and
 * decoding it may change the table. So a block is kept only when decoding it left the table as it was, and all are
 * forgotten when the table's generation differs from the one they were decoded in.
 */

const entries = 8;
/** Longer blocks are rare, and comparing them costs what decoding does. */
const longest = 512;

export class BlockCache<T> {
  #generation = -1;
  readonly #blocks: Buffer[] = [];
  readonly #meanings: T[] = [];
  #oldest = 0;

  get(bytes: Buffer, start: number, end: number, generation: number): T | undefined {
    if (generation !== this.#generation) return undefined;
    const length = end - start;
    search: for (let i = 0; i < this.#blocks.length; i++) {
      const block = this.#blocks[i];
      if (block === undefined || block.length !== length) continue;
      for (let k = 0; k < length; k++) if (block[k] !== bytes[start + k]) continue search;
      return this.#meanings[i];
    }
    return undefined;
  }

  /** `before` and `after` are the table's generations around the decoding of this block. */
  keep(bytes: Buffer, start: number, end: number, before: number, after: number, meaning: T): void {
    if (before !== after || end - start > longest) return;
    if (this.#generation !== after) {
      this.#generation = after;
      this.#blocks.length = 0;
      this.#meanings.length = 0;
      this.#oldest = 0;
    }
    this.#blocks[this.#oldest] = Buffer.from(bytes.subarray(start, end));
    this.#meanings[this.#oldest] = meaning;
    this.#oldest = (this.#oldest + 1) % entries;
  }
}
