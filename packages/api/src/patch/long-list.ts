/**
 * A list that stays quick to change at any place when it has hundreds of thousands of items: an array would move all that is
 * behind, for each of the thousands of operations that one patch may have. It is kept in pieces of a few hundred.
 *
 * Invariant: no piece is empty, and none is longer than `mostInPiece`.
 */
const mostInPiece = 512;

export class LongList<T> {
  readonly #pieces: T[][] = [];
  #length = 0;

  constructor(items: readonly T[]) {
    for (let i = 0; i < items.length; i += mostInPiece / 2)
      this.#pieces.push(items.slice(i, i + mostInPiece / 2));
    this.#length = items.length;
  }

  get length(): number {
    return this.#length;
  }

  /** Undefined beyond the end. */
  get(index: number): T | undefined {
    const [piece, at] = this.#find(index);
    return this.#pieces[piece]?.[at];
  }

  set(index: number, value: T): void {
    const [piece, at] = this.#find(index);
    const items = this.#pieces[piece];
    if (items !== undefined && at < items.length) items[at] = value;
  }

  /** Before what is at `index`, or at the end. */
  insert(index: number, value: T): void {
    const [found, at] = this.#find(index);
    this.#length++;
    // Behind the last item there is no piece; what the last one has room for goes there.
    const piece = found === this.#pieces.length && found > 0 ? found - 1 : found;
    const items = this.#pieces[piece];
    if (items === undefined) {
      this.#pieces.push([value]);
      return;
    }
    items.splice(piece === found ? at : items.length, 0, value);
    if (items.length > mostInPiece) this.#pieces.splice(piece + 1, 0, items.splice(mostInPiece / 2));
  }

  remove(index: number): T | undefined {
    const [piece, at] = this.#find(index);
    const items = this.#pieces[piece];
    if (items === undefined || at >= items.length) return undefined;
    const [removed] = items.splice(at, 1);
    if (items.length === 0) this.#pieces.splice(piece, 1);
    this.#length--;
    return removed;
  }

  items(): T[] {
    return this.#pieces.flat();
  }

  /** The piece of an item and its place there, looked for from the nearer end; the number of pieces beyond the end. */
  #find(index: number): readonly [piece: number, at: number] {
    const pieces = this.#pieces;
    if (index >= this.#length) return [pieces.length, index - this.#length];
    if (index > this.#length / 2) {
      let start = this.#length;
      for (let i = pieces.length - 1; i >= 0; i--) {
        start -= pieces[i]?.length ?? 0;
        if (index >= start) return [i, index - start];
      }
    }
    let left = index;
    for (let i = 0; ; i++) {
      const length = pieces[i]?.length ?? 0;
      if (left < length) return [i, left];
      left -= length;
    }
  }
}
