/**
 * When two values are equal, and two lists in a row. Lists that are sets or have keys compare and add up by what their items are
 * known by; those are looked up, not compared with each other, or a few hundred kilobytes would hold a server for minutes.
 */
import {
  ArrayList,
  compareNumbers,
  Duration,
  isNumber,
  keyOf,
  List,
  Mapping,
  OpaqueValue,
  Optional,
  sizeOf,
  Timestamp,
  TypeValue,
  type Value,
} from './values.ts';

export function equals(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (isNumber(a)) return isNumber(b) && compareNumbers(a, b) === 0;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.name === b.name;
  if (a instanceof OpaqueValue) return b instanceof OpaqueValue && a.type === b.type && a.text === b.text;
  if (a instanceof Optional) {
    if (!(b instanceof Optional)) return false;
    if (a.inner === undefined || b.inner === undefined) return a.inner === b.inner;
    return equals(a.inner, b.inner);
  }
  if (a instanceof List) return b instanceof List && sameLists(a, b);
  return a instanceof Mapping && b instanceof Mapping && sameMaps(a, b);
}

type Merge = NonNullable<List['merge']>;

function sameLists(a: List, b: List): boolean {
  if (a.size !== b.size) return false;
  const merge = a.merge ?? b.merge;
  if (merge === undefined) {
    for (let i = 0; i < a.size; i++) if (!equals(a.at(i), b.at(i))) return false;
    return true;
  }
  const rest = Map.groupBy(b, (item) => identityOf(item, merge));
  for (const item of a) {
    const alike = rest.get(identityOf(item, merge)) ?? [];
    const at = alike.findIndex((other) => equals(item, other));
    if (at < 0) return false;
    alike.splice(at, 1);
  }
  return true;
}

function sameMaps(a: Mapping, b: Mapping): boolean {
  if (a.size !== b.size) return false;
  for (const key of a.keys()) {
    const [left, right] = [a.get(key), b.get(key)];
    if (left === undefined || right === undefined || !equals(left, right)) return false;
  }
  return true;
}

/** Up to that many items are copied: what is read often is better kept in one piece. */
const mostCopied = 1_000;

/** Two lists in a row, as cel-go has them: neither is copied, however often one is added to itself. */
class Joined extends List {
  readonly size: number;
  readonly #first: List;
  readonly #second: List;

  constructor(first: List, second: List) {
    super();
    this.size = first.size + second.size;
    this.#first = first;
    this.#second = second;
  }

  at(index: number): Value {
    return index < this.#first.size ? this.#first.at(index) : this.#second.at(index - this.#first.size);
  }
}

/** Two lists in a row; lists that are sets or have keys take each item in once. */
export function concatenate(a: List, b: List): List {
  const { merge } = a;
  if (merge === undefined)
    return a.size + b.size <= mostCopied ? new ArrayList([...a, ...b]) : new Joined(a, b);
  const items = [...a];
  const places = Map.groupBy(items.keys(), (at) => identityOf(items[at] ?? null, merge));
  for (const item of b) {
    const identity = identityOf(item, merge);
    const alike = places.get(identity) ?? [];
    const at = alike.find((place) => isSame(items[place] ?? null, item, merge));
    if (at !== undefined) items[at] = item;
    else {
      alike.push(items.push(item) - 1);
      places.set(identity, alike);
    }
  }
  return new ArrayList(items, merge);
}

function isSame(a: Value, b: Value, merge: Merge): boolean {
  if (merge.type === 'set') return equals(a, b);
  if (!(a instanceof Mapping) || !(b instanceof Mapping)) return false;
  return merge.keys.every((key) => equals(a.get(key) ?? null, b.get(key) ?? null));
}

/** The same for any two that are the same; undefined where only a comparison tells. */
function identityOf(item: Value, merge: Merge): string | undefined {
  if (merge.type === 'set') return scalarIdentity(item);
  if (!(item instanceof Mapping)) return undefined;
  const parts = merge.keys.map((key) => scalarIdentity(item.get(key) ?? null));
  return parts.includes(undefined) ? undefined : JSON.stringify(parts);
}

function scalarIdentity(value: Value): string | undefined {
  if (value === null) return '0';
  if (typeof value === 'object') return isNumber(value) ? keyOf(value) : undefined;
  return typeof value === 'number' && !Number.isInteger(value) ? `d${value}` : keyOf(value);
}

/**
 * Characters, bytes and values in all that a value holds, as often as it holds them, which is what a comparison may look at. Counts
 * no further than to `most`.
 */
export function weightOf(value: Value, most: number): number {
  let weight = 1;
  if (value instanceof List)
    for (let i = 0; i < value.size && weight < most; i++) weight += weightOf(value.at(i), most - weight);
  else if (value instanceof Mapping)
    for (const key of value.keys()) {
      if (weight >= most) break;
      weight += sizeOf(key) + weightOf(value.get(key) ?? null, most - weight);
    }
  else weight = sizeOf(value);
  return weight;
}
