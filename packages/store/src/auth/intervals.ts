/**
 * A set of half-open ranges of keys, kept as the smallest list of disjoint ones in ascending order: what a user may
 * read, or write, is the union of what all its roles say.
 *
 * Keys are byte strings in JavaScript strings (one character a byte). An `end` of undefined is beyond every key.
 */

export interface Interval {
  readonly begin: string;
  readonly end: string | undefined;
}

/** The interval of one key, or of etcd's `[key, rangeEnd)`, where a range end of one zero byte has no end. */
export function interval(key: Uint8Array, rangeEnd: Uint8Array): Interval {
  const begin = text(key);
  if (rangeEnd.length === 0) return { begin, end: `${begin}\0` };
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { begin, end: undefined };
  return { begin, end: text(rangeEnd) };
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function reaches(end: string | undefined, point: string): boolean {
  return end === undefined || end >= point;
}

function later(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return undefined;
  return a > b ? a : b;
}

export class IntervalSet {
  readonly #merged: readonly Interval[];

  constructor(intervals: readonly Interval[]) {
    const merged: Interval[] = [];
    const sorted = intervals
      .filter(({ begin, end }) => end === undefined || end > begin)
      .toSorted((a, b) => (a.begin < b.begin ? -1 : a.begin > b.begin ? 1 : 0));
    for (const next of sorted) {
      const last = merged.at(-1);
      if (last !== undefined && reaches(last.end, next.begin))
        merged[merged.length - 1] = { begin: last.begin, end: later(last.end, next.end) };
      else merged.push(next);
    }
    this.#merged = merged;
  }

  /** Whether every key of the range is in the set. */
  covers({ begin, end }: Interval): boolean {
    let low = 0;
    let high = this.#merged.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#merged[middle]?.begin ?? '') <= begin) low = middle + 1;
      else high = middle;
    }
    const candidate = this.#merged[low - 1];
    if (candidate === undefined) return false;
    if (candidate.end === undefined) return true;
    return begin < candidate.end && end !== undefined && end <= candidate.end;
  }
}
