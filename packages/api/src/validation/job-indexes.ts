/** Indexes of an indexed job as texts such as `1,3-5`, in the words of upstream's parser. */

export interface Interval {
  readonly first: number;
  readonly last: number;
}

export interface Indexes {
  readonly intervals: readonly Interval[];
  readonly total: number;
  /** What is wrong; then nothing else is there. */
  readonly problem?: string;
}

/** All are below `completions`, and each is greater than the one before. */
export function parseIndexes(text: string, completions: number): Indexes {
  const intervals: Interval[] = [];
  let total = 0;
  if (text === '') return { intervals, total };
  let previous: number | undefined;
  for (const part of text.split(',')) {
    const interval = parseInterval(part, completions);
    if (typeof interval === 'string') return { intervals: [], total: 0, problem: interval };
    const { first, last } = interval;
    if (previous !== undefined && previous >= first)
      return { intervals: [], total: 0, problem: nonIncreasing(previous, first) };
    total += last - first + 1;
    previous = last;
    intervals.push(interval);
  }
  return { intervals, total };
}

function nonIncreasing(previous: number, current: number): string {
  return `non-increasing order, previous: ${previous}, current: ${current}`;
}

function parseInterval(text: string, completions: number): Interval | string {
  const parts = text.split('-');
  if (parts.length > 2)
    return `the fragment ${JSON.stringify(text)} violates the requirement that an index interval can have at most two parts separated by '-'`;
  const numbers: number[] = [];
  for (const part of parts) {
    const value = Number(part);
    if (!/^[+]?\d+$/.test(part) || !Number.isSafeInteger(value))
      return `cannot convert string to integer for index: ${JSON.stringify(part)}`;
    if (value >= completions) return `too large index: ${JSON.stringify(part)}`;
    numbers.push(value);
  }
  const [first = 0, last = first] = numbers;
  if (numbers.length === 2 && first >= last) return nonIncreasing(first, last);
  return { first, last };
}

/** The first index that is in both. */
export function commonIndex(a: Indexes, b: Indexes): number | undefined {
  let [i, j] = [0, 0];
  for (;;) {
    const [left, right] = [a.intervals[i], b.intervals[j]];
    if (left === undefined || right === undefined) return undefined;
    if (left.first <= right.last && right.first <= left.last) return Math.max(left.first, right.first);
    if (left.first <= right.first) i++;
    else j++;
  }
}
