/** Comparison of what a node sends with what is there: what is empty and what is missing are the same, as upstream. Pure. */
import { sameTree } from '../../storage/copy.ts';

export function alike(a: unknown, b: unknown): boolean {
  return sameTree(withoutEmpty(a), withoutEmpty(b));
}

/** Paths of the fields, two names deep, in which two objects differ. */
export function differences(a: object, b: object): string[] {
  const [before, after] = [a, b] as readonly Readonly<Record<string, unknown>>[];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort().flatMap((name) => {
    const [one, other] = [before?.[name], after?.[name]];
    if (alike(one, other)) return [];
    if (!isMap(one) || !isMap(other)) return [name];
    const inner = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
    return inner.filter((key) => !alike(one[key], other[key])).map((key) => `${name}.${key}`);
  });
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(withoutEmpty);
  if (!isMap(value)) return value === null || value === '' ? undefined : value;
  const kept = Object.entries(value)
    .map(([name, item]) => [name, withoutEmpty(item)] as const)
    .filter(([, item]) => item !== undefined);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}
