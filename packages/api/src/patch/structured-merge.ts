/**
 * Structured merge: what server-side apply does with values. Walks values beside their structure and tells which
 * fields a configuration sets, and what changed between two objects.
 *
 * Source: Kubernetes server-side apply (merge strategy markers). All functions are pure. A null is a value like any other:
 * who sets it owns it.
 */
import { FieldSet } from './field-set.ts';
import {
  isObject,
  jsonEqual,
  type JsonObject,
  type JsonValue,
  member,
  setKey,
  type Structure,
} from './structure.ts';

export type Shape = 'leaf' | 'object' | 'associative';

/** How a value merges: as one piece, by field, or by item. Unknown types: maps by key, lists as one piece. */
export function shapeOf(structure: Structure | undefined, value: JsonValue | undefined): Shape {
  if (structure?.kind === 'raw' || structure?.mapType === 'atomic' || structure?.structType === 'atomic')
    return 'leaf';
  if (Array.isArray(value))
    return structure?.listType === 'map' || structure?.listType === 'set' ? 'associative' : 'leaf';
  return isObject(value) ? 'object' : 'leaf';
}

/** The path element of an item of an associative list. */
export function itemElement(structure: Structure | undefined, item: JsonValue): string {
  if (structure?.listType !== 'map' || !isObject(item)) return `v:${JSON.stringify(item)}`;
  const keys: JsonObject = {};
  for (const key of [...(structure.listMapKeys ?? [])].sort()) {
    const value = item[key] ?? (structure.items?.field(key)?.default as JsonValue | undefined);
    if (value !== undefined && value !== null) setKey(keys, key, value);
  }
  return `k:${JSON.stringify(keys)}`;
}

/** Path elements and values one level down. */
function* parts(
  shape: Shape,
  structure: Structure | undefined,
  value: JsonValue | undefined,
): Generator<[string, JsonValue, Structure | undefined]> {
  if (shape === 'object' && isObject(value)) {
    for (const [key, field] of Object.entries(value)) {
      yield [`f:${key}`, field, member(structure, key)];
    }
  } else if (shape === 'associative' && Array.isArray(value)) {
    for (const item of value) yield [itemElement(structure, item), item, structure?.items];
  }
}

/** The parts one level down by their path elements. What has the same keys as another is one with it. */
function itemsOf(
  shape: Shape,
  structure: Structure | undefined,
  value: JsonValue,
): ReadonlyMap<string, JsonValue[]> {
  const items = new Map<string, JsonValue[]>();
  for (const [element, part] of parts(shape, structure, value)) {
    const known = items.get(element);
    if (known === undefined) items.set(element, [part]);
    else known.push(part);
  }
  return items;
}

function partOf(shape: Shape, structure: Structure | undefined, element: string): Structure | undefined {
  return shape === 'associative' ? structure?.items : member(structure, element.slice(2));
}

/** The fields that an applied configuration sets. */
export function fieldsOf(value: JsonValue, structure: Structure | undefined): FieldSet {
  const set = new FieldSet();
  collect(set, shapeOf(structure, value), structure, value, 'configuration');
  return set;
}

/**
 * Where the fields are that are collected: in a configuration, or in a change; there below something that was not
 * there before, or below structures that are in every object.
 */
export type Place = 'configuration' | 'new' | 'existing';

/**
 * Whether adding a field's content adds the field itself. Not of a structure that is no pointer, nor of a list that is
 * always written: an empty object has them already.
 */
export function comesItself(structure: Structure | undefined, part: JsonValue, place: Place): boolean {
  // What no schema knows comes with all that is in it.
  if (place === 'new' || structure === undefined) return true;
  if (place === 'configuration') return isEmptyObject(part);
  if (structure.kind === 'object') return structure.pointer === true;
  return structure.omit !== 'never';
}

/** The place of what is below a field. */
export function placeBelow(place: Place, structure: Structure | undefined, isItself: boolean): Place {
  if (place === 'existing' && isItself && structure !== undefined) return 'new';
  return place;
}

function isEmptyObject(value: JsonValue): boolean {
  if (!isObject(value)) return false;
  for (const _key in value) return false;
  return true;
}

/** Adds all fields below `value`. Items of a list and entries of a map are members themselves. */
function collect(
  set: FieldSet,
  shape: Shape,
  structure: Structure | undefined,
  value: JsonValue,
  place: Place,
): void {
  for (const [element, part, partStructure] of parts(shape, structure, value)) {
    const partShape = shapeOf(partStructure, part);
    const itself =
      partShape === 'leaf' ||
      shape === 'associative' ||
      structure?.kind === 'map' ||
      comesItself(partStructure, part, place);
    // Of items with the same keys nobody can tell who set what.
    const isDoubled = shape === 'associative' && set.members.has(element);
    if (isDoubled) set.deleteChild(element);
    if (itself) set.add(element);
    if (partShape === 'leaf' || isDoubled) continue;
    const child = new FieldSet();
    collect(child, partShape, partStructure, part, placeBelow(place, partStructure, itself));
    if (!child.empty) set.setChild(element, child);
  }
}

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

export function compare(before: JsonValue, after: JsonValue, structure: Structure | undefined): Comparison {
  const { added, modified, removed } = new Differences(before, after, structure);
  return {
    added: added ?? new FieldSet(),
    modified: modified ?? new FieldSet(),
    removed: removed ?? new FieldSet(),
  };
}

const kinds = ['added', 'modified', 'removed'] as const;

/** What differs at one level and below it. Most of two objects is the same: a set is only made for what goes into it. */
class Differences {
  added: FieldSet | undefined;
  modified: FieldSet | undefined;
  removed: FieldSet | undefined;

  constructor(before: JsonValue, after: JsonValue, structure: Structure | undefined) {
    const shape = shapeOf(structure, after);
    const oldShape = shapeOf(structure, before);
    if (shape === 'object' && oldShape === 'object')
      this.#fields(before as JsonObject, after as JsonObject, structure);
    else this.#items(oldShape, before, shape, after, structure);
  }

  #fields(before: JsonObject, after: JsonObject, structure: Structure | undefined): void {
    const isMap = structure?.kind === 'map';
    for (const key of Object.keys(after)) {
      const part = after[key];
      if (part === undefined) continue;
      const previous = Object.hasOwn(before, key) ? before[key] : undefined;
      if (previous === undefined)
        addWhole((this.added ??= new FieldSet()), `f:${key}`, part, member(structure, key), isMap);
      else this.#part(`f:${key}`, previous, part, member(structure, key));
    }
    for (const key of Object.keys(before)) {
      const part = before[key];
      if (part === undefined || (Object.hasOwn(after, key) && after[key] !== undefined)) continue;
      addWhole((this.removed ??= new FieldSet()), `f:${key}`, part, member(structure, key), true);
    }
  }

  #items(
    oldShape: Shape,
    before: JsonValue,
    shape: Shape,
    after: JsonValue,
    structure: Structure | undefined,
  ): void {
    const old = itemsOf(oldShape, structure, before);
    const now = itemsOf(shape, structure, after);
    const comesItself = shape === 'associative' || structure?.kind === 'map';
    for (const [element, items] of now) {
      const part = items[0] ?? null;
      const isDoubled = items.length > 1;
      const previous = old.get(element);
      const partStructure = partOf(shape, structure, element);
      if (previous === undefined && isDoubled) (this.added ??= new FieldSet()).add(element);
      else if (previous === undefined)
        addWhole((this.added ??= new FieldSet()), element, part, partStructure, comesItself);
      else if (!isDoubled && previous.length === 1)
        this.#part(element, previous[0] ?? null, part, partStructure);
      else if (!jsonEqual(previous, items)) {
        (this.modified ??= new FieldSet()).add(element);
        if (previous.length === 1) this.#nothingBelow(element, previous[0] ?? null, partStructure);
      }
    }
    for (const [element, [part = null]] of old)
      if (!now.has(element))
        addWhole(
          (this.removed ??= new FieldSet()),
          element,
          part,
          partOf(oldShape, structure, element),
          true,
        );
  }

  /** An item that is doubled has no fields of its own any more. */
  #nothingBelow(element: string, part: JsonValue, structure: Structure | undefined): void {
    const child = new FieldSet();
    collect(child, shapeOf(structure, part), structure, part, 'new');
    (this.removed ??= new FieldSet()).setChild(element, child);
  }

  #part(element: string, previous: JsonValue, part: JsonValue, structure: Structure | undefined): void {
    // To see that a part stayed as it was is much cheaper than to take it apart.
    if (jsonEqual(previous, part)) return;
    const [oldShape, shape] = [shapeOf(structure, previous), shapeOf(structure, part)];
    // A null is as good as an empty list or object where the other side has one.
    const old = previous === null ? emptyOf(shape) : previous;
    const now = part === null ? emptyOf(oldShape) : part;
    if (
      old === null ||
      now === null ||
      shapeOf(structure, now) === 'leaf' ||
      shapeOf(structure, old) !== shapeOf(structure, now)
    ) {
      (this.modified ??= new FieldSet()).add(element);
      return;
    }
    const below = new Differences(old, now, structure);
    for (const kind of kinds) {
      const set = below[kind];
      if (set !== undefined && !set.empty) (this[kind] ??= new FieldSet()).setChild(element, set);
    }
  }
}

function emptyOf(shape: Shape): JsonValue {
  return shape === 'object' ? {} : shape === 'associative' ? [] : null;
}

function addWhole(
  set: FieldSet,
  element: string,
  part: JsonValue,
  structure: Structure | undefined,
  itself: boolean,
): void {
  const shape = shapeOf(structure, part);
  const comes = itself || shape === 'leaf' || comesItself(structure, part, 'existing');
  if (comes) set.add(element);
  if (shape === 'leaf') return;
  const child = new FieldSet();
  collect(child, shape, structure, part, placeBelow('existing', structure, comes));
  if (!child.empty) set.setChild(element, child);
}

/**
 * Where a configuration sets values that merge as one piece and would so replace all that is there: lists, maps and
 * objects. Paths such as `.spec.template.spec.tolerations`.
 */
export function wholeReplacements(
  config: JsonValue,
  structure: Structure | undefined,
  path = '',
): readonly string[] {
  if (Array.isArray(config)) {
    const own = structure?.kind === 'list' && shapeOf(structure, config) === 'leaf' ? [path] : [];
    const items = config.flatMap((item, i) => wholeReplacements(item, structure?.items, `${path}[${i}]`));
    return [...own, ...items];
  }
  if (!isObject(config) || structure === undefined) return [];
  const own = structure.kind !== 'raw' && shapeOf(structure, config) === 'leaf' ? [path] : [];
  const fields = Object.entries(config).flatMap(([key, value]) =>
    wholeReplacements(value, member(structure, key), `${path}.${key}`),
  );
  return [...own, ...fields];
}
