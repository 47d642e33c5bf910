/** cel-go's sets extension: lists as sets. */
import { globalFunction, type Library, soughtWork } from '../overload.ts';
import { A, bool, list } from '../types.ts';
import { equals } from '../equality.ts';
import type { List, Value } from '../values.ts';

const walk = (factor: number) => ({
  cost: (a?: number, b?: number): number => 1 + factor * (a ?? 0) * (b ?? 0),
  work: (most: number, a: List, b: List): number => factor * b.size * soughtWork(most, a, a),
});

function has(items: List, wanted: Value): boolean {
  for (const item of items) if (equals(item, wanted)) return true;
  return false;
}

function contains(outer: List, inner: List): boolean {
  for (const item of inner) if (!has(outer, item)) return false;
  return true;
}

function intersects(a: List, b: List): boolean {
  for (const item of a) if (has(b, item)) return true;
  return false;
}

const both = [list(A), list(A)];

export const sets: Library = {
  'sets.contains': [globalFunction(both, bool, contains, walk(1))],
  'sets.equivalent': [
    globalFunction(both, bool, (a: List, b: List) => contains(a, b) && contains(b, a), walk(2)),
  ],
  'sets.intersects': [globalFunction(both, bool, intersects, walk(1))],
};
