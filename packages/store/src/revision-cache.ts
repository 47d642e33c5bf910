/**
 * Contents of revisions that are on disk and were written or read lately, within a bound of bytes.
 *
 * Two generations instead of a list by age: a hit in the older one moves to the younger, and when the younger has half
 * of the bound it becomes the older and what that held is dropped at once. Entries are never deleted one by one to keep
 * an order: a `Map` that sees the same key deleted and set again walks all its former selves.
 */

export class RevisionCache<T> {
  readonly #bytes: number;
  readonly #sizeOf: (value: T) => number;
  #young = new Map<number, T>();
  #old = new Map<number, T>();
  #youngBytes = 0;
  #oldBytes = 0;

  constructor(bytes: number, sizeOf: (value: T) => number) {
    this.#bytes = bytes;
    this.#sizeOf = sizeOf;
  }

  /** Bytes of what is held; something read again lately may count twice. */
  get size(): number {
    return this.#youngBytes + this.#oldBytes;
  }

  /** Undefined when it was never there, or had to make room. */
  get(revision: number): T | undefined {
    const young = this.#young.get(revision);
    if (young !== undefined) return young;
    const old = this.#old.get(revision);
    if (old !== undefined) this.set(revision, old);
    return old;
  }

  /** Another value of the same revision takes the place of the one before. */
  set(revision: number, value: T): void {
    const before = this.#young.get(revision);
    if (before !== undefined) this.#youngBytes -= this.#sizeOf(before);
    this.#young.set(revision, value);
    this.#youngBytes += this.#sizeOf(value);
    if (this.#youngBytes <= this.#bytes / 2) return;
    this.#old = this.#young;
    this.#oldBytes = this.#youngBytes;
    this.#young = new Map();
    this.#youngBytes = 0;
  }

  delete(revision: number): void {
    const young = this.#young.get(revision);
    if (young !== undefined && this.#young.delete(revision)) this.#youngBytes -= this.#sizeOf(young);
    const old = this.#old.get(revision);
    if (old !== undefined && this.#old.delete(revision)) this.#oldBytes -= this.#sizeOf(old);
  }
}
