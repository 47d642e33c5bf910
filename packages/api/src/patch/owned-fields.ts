/**
 * FieldsV1 of everything that an object sets: who creates an object owns all of it. The same as comparing it with an
 * empty one, without making sets of what is written down once.
 */
import { wasSentEmpty } from '../decode/absence.ts';
import type { FieldSet } from './field-set.ts';
import { isObject, type JsonObject, type JsonValue, member, setKey, type Structure } from './structure.ts';
import { comesItself, itemElement, type Place, placeBelow, type Shape, shapeOf } from './structured-merge.ts';

/** What nobody owns here; members with all that is below them. */
type Excluded = readonly FieldSet[];

const nothing: Excluded = [];
/** Names of fields are few and come again and again, and a text that was seen before is cheaper than a new one. */
const elements = new Map<string, string>();
const maxElements = 10_000;

/** Undefined when nothing is owned. */
export function ownedFieldsV1(
  object: JsonObject,
  structure: Structure | undefined,
  excluded: Excluded,
): JsonObject | undefined {
  return fieldsOf(object, shapeOf(structure, object), structure, excluded, 'existing');
}

/** The same of an applied configuration: whoever applies it owns what it sets. */
export function configuredFieldsV1(
  config: JsonObject,
  structure: Structure | undefined,
  excluded: Excluded,
): JsonObject {
  return fieldsOf(config, shapeOf(structure, config), structure, excluded, 'configuration') ?? {};
}

function fieldsOf(
  value: JsonValue,
  shape: Shape,
  structure: Structure | undefined,
  excluded: Excluded,
  place: Place,
): JsonObject | undefined {
  const result: JsonObject = {};
  let isEmpty = true;
  const add = (
    element: string,
    part: JsonValue,
    partStructure: Structure | undefined,
    wasSent = false,
  ): void => {
    const rest = excluded.length === 0 ? nothing : below(excluded, element);
    if (rest === undefined) return;
    const partShape = shapeOf(partStructure, part);
    const isItself =
      partShape === 'leaf' ||
      shape === 'associative' ||
      structure?.kind === 'map' ||
      wasSent ||
      comesItself(partStructure, part, place);
    const fields =
      partShape === 'leaf'
        ? undefined
        : fieldsOf(part, partShape, partStructure, rest, placeBelow(place, partStructure, isItself));
    if (fields === undefined && !isItself) return;
    isEmpty = false;
    setKey(result, element, fields === undefined ? {} : isItself ? { '.': {}, ...fields } : fields);
  };
  if (shape === 'object' && isObject(value)) {
    const isMap = structure?.kind === 'map';
    const keys = Object.keys(value);
    if (!areInOrder(keys)) keys.sort();
    for (const key of keys) {
      const part = value[key];
      if (part === undefined) continue;
      const wasSent = Array.isArray(part) && part.length === 0 && wasSentEmpty(value, key);
      add(isMap ? `f:${key}` : fieldElement(key), part, member(structure, key), wasSent);
    }
  } else if (shape === 'associative' && Array.isArray(value)) {
    const items = Map.groupBy(value, (item) => itemElement(structure, item));
    for (const element of [...items.keys()].sort()) {
      const alike = items.get(element);
      // Of items with the same keys nobody can tell who set what.
      add(element, alike?.length === 1 ? (alike[0] ?? null) : null, structure?.items);
    }
  }
  return isEmpty ? undefined : result;
}

/** Undefined when the element itself is excluded. */
function below(excluded: Excluded, element: string): Excluded | undefined {
  let rest = nothing;
  for (const set of excluded) {
    if (set.members.has(element)) return undefined;
    const child = set.children.get(element);
    if (child !== undefined) rest = [...rest, child];
  }
  return rest;
}

function fieldElement(name: string): string {
  let element = elements.get(name);
  if (element === undefined) {
    element = `f:${name}`;
    if (elements.size < maxElements) elements.set(name, element);
  }
  return element;
}

function areInOrder(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if ((names[i - 1] ?? '') > (names[i] ?? '')) return false;
  return true;
}
