/** Deep copies and comparisons of API objects: plain JSON trees, whose exact big integers are kept as they are. */
import { isBigInteger, setOwn } from '@timonier/api/json';

export function copyOf<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (typeof value !== 'object' || value === null || isBigInteger(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) setOwn(result, name, copy(item));
  return result;
}

/** True when both trees are the same JSON, whatever the order of names in it. Names that are undefined do not count. */
export function sameTree(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (isBigInteger(a) || isBigInteger(b)) return JSON.stringify(a) === JSON.stringify(b);
  if (Array.isArray(a) || Array.isArray(b))
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item, i) => sameTree(item, b[i]))
    );
  const [left, right] = [present(a), present(b)];
  return (
    left.length === right.length &&
    left.every(
      ([name, value]) => Object.hasOwn(b, name) && sameTree(value, (b as Record<string, unknown>)[name]),
    )
  );
}

function present(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, item]) => item !== undefined);
}
