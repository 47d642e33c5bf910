/** The lists extension of cel-go, as Kubernetes turns it on: lists that are cut, turned, sorted and made flat. */
import { equals } from '../equality.ts';
import { EvaluationError } from '../errors.ts';
import { globalFunction, type Library, memberFunction, type Overload, soughtWork } from '../overload.ts';
import { A, dyn, int, list, optional } from '../types.ts';
import { ArrayList, List, Optional, typeNameOf, type Value } from '../values.ts';
import { comparable, isLess } from './order.ts';

const walk = { cost: (size?: number): number => size ?? 0 };
/** Each item is compared with many. */
const compareAll = {
  cost: (size?: number): number => (size ?? 0) ** 2,
  work: (most: number, items: List): number => items.size * soughtWork(most, items, items),
};

/** The numbers from 0 on; takes no room, however many they are. */
class Range extends List {
  readonly size: number;

  constructor(size: number) {
    super();
    this.size = size;
  }

  at(index: number): Value {
    return BigInt(index);
  }
}

function slice(items: List, start: bigint, end: bigint): List {
  const say = (why: string): never => {
    throw new EvaluationError(`cannot slice(${start}, ${end}), ${why}`);
  };
  if (start < 0n || end < 0n) return say('negative indexes not supported');
  if (start > end) return say('start index must be less than or equal to end index');
  if (end > BigInt(items.size)) return say(`list is length ${items.size}`);
  return new ArrayList([...items].slice(Number(start), Number(end)));
}

function distinct(items: List): List {
  const out: Value[] = [];
  for (const item of items) if (!out.some((known) => equals(known, item))) out.push(item);
  return new ArrayList(out);
}

function flatten(items: List, depth: bigint): List {
  if (depth < 0n) throw new EvaluationError('level must be non-negative');
  const flat = (inner: List, left: bigint): Value[] =>
    [...inner].flatMap((item) => (item instanceof List && left > 0n ? flat(item, left - 1n) : [item]));
  return new ArrayList(flat(items, depth));
}

/** Sorts items by the keys at the same places; equal ones stay in their order. */
function sortBy(items: List, keys: List): List {
  const all = [...keys];
  const [first] = all;
  if (first !== undefined && all.some((key) => typeNameOf(key) !== typeNameOf(first)))
    throw new EvaluationError('list elements must have the same type');
  const order = all.map((_, i) => i);
  order.sort((a, b) => {
    const [x, y] = [all[a] ?? null, all[b] ?? null];
    return isLess(x, y) ? -1 : isLess(y, x) ? 1 : 0;
  });
  return new ArrayList(order.map((i) => items.at(i)));
}

function ends(pick: (items: List) => Value): Overload[] {
  const end = (items: List): Optional => new Optional(items.size === 0 ? undefined : pick(items));
  return [memberFunction([list(A)], optional(A), end)];
}

export const listShapes: Library = {
  'lists.range': [
    globalFunction([int], list(int), (count: bigint) => new Range(Math.max(0, Number(count))), {
      // As cel-go, which makes the list.
      work: (_most: number, count: bigint) => Math.max(0, Number(count)) + 11,
    }),
  ],
  first: ends((items) => items.at(0)),
  last: ends((items) => items.at(items.size - 1)),
  slice: [memberFunction([list(A), int, int], list(A), slice, walk)],
  reverse: [memberFunction([list(A)], list(A), (items: List) => new ArrayList([...items].reverse()), walk)],
  distinct: [memberFunction([list(A)], list(A), distinct, compareAll)],
  flatten: [
    memberFunction([list(list(A))], list(A), (items: List) => flatten(items, 1n), walk),
    memberFunction([list(dyn), int], list(dyn), flatten, walk),
  ],
  sort: comparable.map((type) =>
    memberFunction([list(type)], list(type), (items: List) => sortBy(items, items), compareAll),
  ),
  '@sortByAssociatedKeys': comparable.map((type) =>
    memberFunction([list(A), list(type)], list(A), sortBy, compareAll),
  ),
};
