/**
 * Lists of a strategic merge patch: what is in both, what goes, and what comes before what. A patch may have tens of
 * thousands of items, so that they are looked up by their text and never compared in pairs.
 */
import { textOfJson } from '../same-json.ts';
import { goTypeOf, shownAsMap } from './map-text.ts';
import { PatchError } from './patch-error.ts';
import { isObject, jsonEqual, type JsonObject, type JsonValue } from './structure.ts';

/** What tells an item from others: the value of its merge key, or itself where there is none. */
export function keyOf(item: JsonValue, mergeKey: string | undefined): JsonValue | undefined {
  return mergeKey !== undefined && isObject(item) ? item[mergeKey] : item;
}

/** The items of both, each of the patch once. */
export function mergePrimitives(original: readonly JsonValue[], patch: readonly JsonValue[]): JsonValue[] {
  const result = [...original];
  const known = new Set(original.map(textOfJson));
  for (const item of patch) {
    const text = textOfJson(item);
    if (known.has(text)) continue;
    known.add(text);
    result.push(item);
  }
  return result;
}

export function withoutItems(list: readonly JsonValue[], gone: readonly JsonValue[]): JsonValue[] {
  const texts = new Set(gone.map(textOfJson));
  return list.filter((item) => !texts.has(textOfJson(item)));
}

/** A list whose items are found by their merge key. Of several with one key the first is meant; all go together. */
export class KeyedList {
  readonly #mergeKey: string;
  readonly #items: (JsonValue | undefined)[];
  readonly #places = new Map<string, number[]>();

  constructor(items: readonly JsonValue[], mergeKey: string) {
    this.#mergeKey = mergeKey;
    this.#items = [...items];
    for (const [place, item] of items.entries()) if (isObject(item)) this.#note(item[mergeKey], place);
  }

  get(key: JsonValue): JsonObject | undefined {
    const [place] = this.#places.get(textOfJson(key)) ?? [];
    return place === undefined ? undefined : (this.#items[place] as JsonObject);
  }

  /** Puts an item in the place of the one that has the key, or at the end. */
  set(key: JsonValue, item: JsonObject): void {
    const places = this.#places.get(textOfJson(key));
    const place = places?.[0] ?? this.#items.length;
    this.#items[place] = item;
    if (places?.[0] !== undefined) {
      if (textOfJson(item[this.#mergeKey]) === textOfJson(key)) return;
      // A key that is null is not kept.
      places.shift();
    }
    this.#note(item[this.#mergeKey], place);
  }

  delete(key: JsonValue): void {
    const text = textOfJson(key);
    for (const place of this.#places.get(text) ?? []) this.#items[place] = undefined;
    this.#places.delete(text);
  }

  items(): JsonValue[] {
    return this.#items.filter((item) => item !== undefined);
  }

  #note(key: JsonValue | undefined, place: number): void {
    const text = textOfJson(key);
    const places = this.#places.get(text);
    if (places === undefined) this.#places.set(text, [place]);
    else places.push(place);
  }
}

/**
 * Puts the items that `order` names in that order. The others stay in theirs, each in front of the named ones that it
 * stood before in the original; so a new item comes before all that it is not told to follow.
 */
export function inOrder(
  list: readonly JsonValue[],
  original: readonly JsonValue[],
  order: readonly JsonValue[],
  mergeKey: string | undefined,
): JsonValue[] {
  const [ranks, places] = [firstPlaces(order, mergeKey), firstPlaces(original, mergeKey)];
  const ranked = list.map((item) => {
    const text = textOfJson(keyOf(item, mergeKey));
    return { item, rank: ranks.get(text) ?? -1, at: places.get(text) ?? -1 };
  });
  const named = ranked.filter(({ rank }) => rank >= 0).sort((a, b) => a.rank - b.rank);
  const left = ranked.filter(({ rank }) => rank < 0);
  const result: JsonValue[] = [];
  let next = 0;
  for (const { item, at } of named) {
    // What is new stood before nothing.
    if (at >= 0)
      for (; next < left.length && (left[next]?.at ?? 0) <= at; next++) result.push(left[next]?.item ?? null);
    result.push(item);
  }
  for (const { item } of left.slice(next)) result.push(item);
  return result;
}

/** What all items of two lists are. Throws 400 when they are not alike. */
export function commonType(original: readonly JsonValue[], patch: readonly JsonValue[]): string {
  const types = new Set([...original, ...patch].map(goTypeOf));
  const [type = ''] = types;
  if (type === goTypeOf([])) throw new PatchError(400, 'lists of lists are not supported');
  if (types.size > 1)
    throw new PatchError(400, `list element types are not identical: ${shownAsMap([original, patch])}`);
  return type;
}

/** What a patch sets must stand in the order that it gives. Throws 400. */
export function checkOrder(
  patch: readonly JsonValue[],
  order: readonly JsonValue[],
  mergeKey: string | undefined,
): void {
  if (order.length === 0 || patch.length === 0) return;
  const set =
    mergeKey === undefined ? patch : patch.filter((item) => !isObject(item) || item['$patch'] === undefined);
  let next = 0;
  for (const item of order) {
    const one = set[next];
    if (one === undefined) return;
    if (jsonEqual(comparedBy(one, mergeKey), comparedBy(item, mergeKey))) next++;
  }
  if (next < set.length)
    throw new PatchError(
      400,
      `The order in patch list:\n${shownAsMap(patch)}\n doesn't match $setElementOrder list:\n${shownAsMap(order)}\n`,
    );
}

function comparedBy(item: JsonValue, mergeKey: string | undefined): JsonValue {
  if (mergeKey === undefined) return item;
  if (!isObject(item))
    throw new PatchError(400, `expected a ${goTypeOf({})}, but received a ${goTypeOf(item)}`);
  const key = Object.hasOwn(item, mergeKey) ? item[mergeKey] : undefined;
  if (key !== undefined) return key;
  throw new PatchError(400, `map: ${shownAsMap(item)} does not contain declared merge key: ${mergeKey}`);
}

function firstPlaces(list: readonly JsonValue[], mergeKey: string | undefined): Map<string, number> {
  const places = new Map<string, number>();
  for (const [place, item] of list.entries()) {
    const text = textOfJson(keyOf(item, mergeKey));
    if (!places.has(text)) places.set(text, place);
  }
  return places;
}
