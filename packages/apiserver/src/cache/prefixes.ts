/** Of which resource a key under the root is: `pods` or `services/specs` of a built-in kind, group and plural of a custom one. */
import { rangeEnd } from '../storage/keys.ts';

/** The one of the known prefixes that a key lies under; undefined when it lies under none. */
export function prefixOf(root: string, key: string, known: ReadonlyMap<string, unknown>): string | undefined {
  const start = root.length;
  const first = key.indexOf('/', start);
  if (first < 0) return undefined;
  const one = key.slice(start, first);
  if (known.has(one)) return one;
  const two = customPrefixOf(root, key);
  return two !== undefined && known.has(two) ? two : undefined;
}

/** Group and plural, if a custom resource lies there. */
export function customPrefixOf(root: string, key: string): string | undefined {
  const start = root.length;
  const first = key.indexOf('/', start);
  const second = first < 0 ? -1 : key.indexOf('/', first + 1);
  return second < 0 ? undefined : key.slice(start, second);
}

/** Where the keys end that begin with the same name under the root. */
export function folderEnd(root: string, key: string): string | undefined {
  const end = key.startsWith(root) ? key.indexOf('/', root.length) + 1 : 0;
  return end === 0 ? undefined : rangeEnd(key.slice(0, end));
}
