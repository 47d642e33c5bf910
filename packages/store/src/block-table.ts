/**
 * What is known of each block of history without reading it: where it begins, how many changes are left in it, and what
 * it adds to the tally of the state. With that a compaction takes a block away of which nothing is left, as most are of
 * keys that are written again and again, without a look at the disk.
 */
import type { RecordTrace } from './state-seal.ts';

export class BlockTable {
  /** Ascending. */
  #starts: number[] = [];
  /** The rest is side by side with it: three numbers to a block, of which there may be a million. */
  #left: number[] = [];
  #lengths: number[] = [];
  #sums: number[] = [];

  /** A block with `left` changes that begins behind all others. */
  add(start: number, left: number): void {
    const last = this.#starts.at(-1) ?? -1;
    if (start <= last) throw new Error(`block ${start} cannot follow block ${last}`);
    this.#starts.push(start);
    this.#left.push(left);
    this.#lengths.push(-1);
    this.#sums.push(0);
  }

  /** Where the last block begins that begins at a revision or before it; -1 for none. */
  #at(main: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? 0) <= main) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #exactly(start: number): number {
    const at = this.#at(start);
    return this.#starts[at] === start ? at : -1;
  }

  /** The block that holds a revision, if one does. */
  of(main: number): number | undefined {
    return this.#starts[this.#at(main)];
  }

  /** Where blocks begin that may hold revisions up to `main`. */
  upTo(main: number): readonly number[] {
    return this.#starts.slice(0, this.#at(main) + 1);
  }

  /** Where the next block begins. */
  after(start: number): number | undefined {
    return this.#starts[this.#at(start) + 1];
  }

  /** How many changes a block has, those that were taken out aside. */
  left(start: number): number {
    return this.#left[this.#exactly(start)] ?? 0;
  }

  /** What a block is on disk; undefined while that is not known. */
  trace(start: number): RecordTrace | undefined {
    const at = this.#exactly(start);
    const length = this.#lengths[at] ?? -1;
    return length < 0 ? undefined : { length, sum: this.#sums[at] ?? 0 };
  }

  /** A block has other contents, which are not on disk yet. */
  rewritten(start: number, left: number): void {
    const at = this.#exactly(start);
    if (at < 0) return;
    this.#left[at] = left;
    this.#lengths[at] = -1;
  }

  /** A block is on disk as this. */
  written(start: number, { length, sum }: RecordTrace): void {
    const at = this.#exactly(start);
    if (at < 0) return;
    this.#lengths[at] = length;
    this.#sums[at] = sum;
  }

  remove(gone: ReadonlySet<number>): void {
    if (gone.size === 0) return;
    const stay = this.#starts.map((start) => !gone.has(start));
    const staying = (list: number[]): number[] => list.filter((_one, i) => stay[i]);
    this.#left = staying(this.#left);
    this.#lengths = staying(this.#lengths);
    this.#sums = staying(this.#sums);
    this.#starts = staying(this.#starts);
  }
}
