/** Sets of completion indexes as the status of a Job has them, such as `0,2-5`: ranges in order that do not touch. Pure. */

interface Range {
  readonly first: number;
  readonly last: number;
}

export class Indexes {
  readonly #ranges: readonly Range[];

  private constructor(ranges: readonly Range[]) {
    this.#ranges = ranges;
  }

  /** Indexes from `completions` on are left out, as is what cannot be read: the Job was made smaller, or changed by hand. */
  static parse(text: string, completions: number): Indexes {
    const ranges = text.split(',').flatMap((part): Range[] => {
      const match = /^(\d+)(?:-(\d+))?$/.exec(part);
      if (match === null) return [];
      const first = Number(match[1]);
      const last = Math.min(Number(match[2] ?? match[1]), completions - 1);
      return first > last ? [] : [{ first, last }];
    });
    return new Indexes(merged(ranges));
  }

  static of(indexes: Iterable<number>): Indexes {
    return new Indexes(merged(Array.from(indexes, (index) => ({ first: index, last: index }))));
  }

  with(other: Indexes): Indexes {
    return new Indexes(merged([...this.#ranges, ...other.#ranges]));
  }

  has(index: number): boolean {
    return this.#ranges.some(({ first, last }) => first <= index && index <= last);
  }

  get size(): number {
    return this.#ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  /** How many of these are in `other`, too. */
  common(other: Indexes): number {
    let count = 0;
    for (const a of this.#ranges)
      for (const b of other.#ranges)
        count += Math.max(0, Math.min(a.last, b.last) - Math.max(a.first, b.first) + 1);
    return count;
  }

  /** The first `count` indexes below `completions` that are not here. */
  missing(count: number, completions: number): number[] {
    const found: number[] = [];
    let next = 0;
    for (const { first, last } of [...this.#ranges, { first: completions, last: completions }]) {
      for (; next < Math.min(first, completions) && found.length < count; next++) found.push(next);
      next = Math.max(next, last + 1);
    }
    return found;
  }

  toString(): string {
    return this.#ranges
      .map(({ first, last }) => {
        if (first === last) return `${first}`;
        return last === first + 1 ? `${first},${last}` : `${first}-${last}`;
      })
      .join(',');
  }
}

function merged(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const before = result.at(-1);
    if (before === undefined || range.first > before.last + 1) result.push(range);
    else if (range.last > before.last) result[result.length - 1] = { first: before.first, last: range.last };
  }
  return result;
}
