/**
 * What differs between two normalised answers: places with what stands there on either side, and the class that the
 * difference as a whole belongs to. Pure.
 */
import type { Compared } from './normalize.ts';

export interface Difference {
  /** Such as `status`, `headers.warning`, `body.spec.replicas`. */
  readonly place: string;
  /** Undefined where that side has nothing. */
  readonly theirs: unknown;
  readonly ours: unknown;
}

/** From the gravest down: an answer belongs to the first class that fits. */
export const classes = [
  'we accept',
  'we refuse',
  'code',
  'reason',
  'causes missing',
  'causes too many',
  'texts of causes',
  'order of causes',
  'message',
  'body',
  'headers',
] as const;
export type DifferenceClass = (typeof classes)[number];

interface StatusBody {
  readonly kind?: unknown;
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly details?: { readonly causes?: readonly Cause[] };
}
interface Cause {
  readonly field?: string;
  readonly reason?: string;
  readonly message?: string;
}

export function differences(theirs: Compared, ours: Compared): readonly Difference[] {
  const found: Difference[] = [];
  walk('status', theirs.status, ours.status, found);
  walk('headers', theirs.headers, ours.headers, found);
  walk('body', theirs.body, ours.body, found);
  return found;
}

/** Lists of named things are compared by name, so that one more does not move all others. */
function walk(place: string, theirs: unknown, ours: unknown, found: Difference[]): void {
  if (Object.is(theirs, ours)) return;
  if (Array.isArray(theirs) && Array.isArray(ours)) {
    const key = commonKey(theirs, ours);
    if (key !== undefined) {
      const byName = (list: readonly unknown[]): Map<string, unknown> =>
        new Map(list.map((item) => [nameIn(item, key) ?? '', item]));
      walkMaps(place, byName(theirs), byName(ours), (name) => `${place}[${name}]`, found);
      return;
    }
    for (let i = 0; i < Math.max(theirs.length, ours.length); i++)
      walk(`${place}[${i}]`, theirs[i], ours[i], found);
    return;
  }
  if (isObject(theirs) && isObject(ours)) {
    walkMaps(
      place,
      new Map(Object.entries(theirs)),
      new Map(Object.entries(ours)),
      (name) => (place === '' ? name : `${place}.${name}`),
      found,
    );
    return;
  }
  found.push({ place, theirs, ours });
}

function walkMaps(
  _place: string,
  theirs: ReadonlyMap<string, unknown>,
  ours: ReadonlyMap<string, unknown>,
  placeOf: (name: string) => string,
  found: Difference[],
): void {
  for (const name of new Set([...theirs.keys(), ...ours.keys()]))
    walk(placeOf(name), theirs.get(name), ours.get(name), found);
}

function commonKey(theirs: readonly unknown[], ours: readonly unknown[]): string | undefined {
  const all = [...theirs, ...ours];
  if (all.length === 0) return undefined;
  return ['name', 'groupVersion', 'metadata.name', qualified, 'resource'].find((key) =>
    [theirs, ours].every((list) => {
      const names = list.map((item) => nameIn(item, key));
      return names.every((name) => name !== undefined) && new Set(names).size === names.length;
    }),
  );
}

/** The namespace and the name of an object, where its name alone does not tell it from others. */
const qualified = 'namespace/name';

function nameIn(item: unknown, key: string): string | undefined {
  if (key === qualified) {
    const [namespace, name] = [nameIn(item, 'metadata.namespace'), nameIn(item, 'metadata.name')];
    return namespace === undefined || name === undefined ? undefined : `${namespace}/${name}`;
  }
  let value: unknown = item;
  for (const part of key.split('.')) value = isObject(value) ? value[part] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The class of what differs; undefined when nothing does. */
export function classOf(theirs: Compared, ours: Compared): DifferenceClass | undefined {
  if (differences(theirs, ours).length === 0) return undefined;
  const refusedByThem = theirs.status >= 400;
  const refusedByUs = ours.status >= 400;
  if (refusedByThem && !refusedByUs) return 'we accept';
  if (!refusedByThem && refusedByUs) return 'we refuse';
  if (theirs.status !== ours.status) return 'code';
  if (refusedByThem) {
    const [their, our] = [theirs.body as StatusBody, ours.body as StatusBody];
    if (their?.reason !== our?.reason) return 'reason';
    const word = causesClass(their?.details?.causes ?? [], our?.details?.causes ?? []);
    if (word !== undefined) return word;
    if (their?.message !== our?.message) return 'message';
  }
  return JSON.stringify(theirs.body) === JSON.stringify(ours.body) ? 'headers' : 'body';
}

function causesClass(theirs: readonly Cause[], ours: readonly Cause[]): DifferenceClass | undefined {
  const place = ({ field, reason }: Cause): string => `${field} ${reason}`;
  const [theirPlaces, ourPlaces] = [theirs.map(place).sort(), ours.map(place).sort()];
  if (without(theirPlaces, ourPlaces).length > 0) return 'causes missing';
  if (without(ourPlaces, theirPlaces).length > 0) return 'causes too many';
  const whole = (cause: Cause): string => JSON.stringify([cause.field, cause.reason, cause.message]);
  const [theirTexts, ourTexts] = [theirs.map(whole), ours.map(whole)];
  if (without(theirTexts, ourTexts).length > 0) return 'texts of causes';
  return theirTexts.join() === ourTexts.join() ? undefined : 'order of causes';
}

/** What is left of `all` when each of `taken` was taken away once. */
function without(all: readonly string[], taken: readonly string[]): readonly string[] {
  const left = [...all];
  for (const one of taken) {
    const at = left.indexOf(one);
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}
