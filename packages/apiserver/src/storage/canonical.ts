/**
 * The JSON that an object is stored as. In: an object whose names are in any order. Out: the same text for the same content, so that a
 * write which changes nothing is known by its bytes, and labels stand near the beginning. What is in order already is not copied.
 */
import { isBigInteger, setOwn } from '@timonier/api/json';
import type { ApiObject } from '@timonier/api/decode';

/** Above this many, putting one after the other in its place would take long. */
const fewNames = 40;

/** `apiVersion`, `kind` and `metadata` first and every other name in sorted order; no resourceVersion. */
export function canonicalJson(object: ApiObject): string {
  const { apiVersion, kind, metadata = {} } = object;
  const ordered: Record<string, unknown> = { apiVersion, kind, metadata: sortedMetadata(metadata) };
  for (const name of namesInOrder(object))
    if (!first.has(name)) setOwn(ordered, name, sorted((object as Record<string, unknown>)[name]));
  return JSON.stringify(ordered);
}

const first: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** Ownership is written in order by who keeps it, down to the last field; it is half of most objects. */
function sortedMetadata(metadata: NonNullable<ApiObject['metadata']>): unknown {
  const { managedFields } = metadata;
  const ordered: Record<string, unknown> = {};
  for (const name of namesInOrder(metadata)) {
    if (name === 'resourceVersion') continue;
    const value = (metadata as Record<string, unknown>)[name];
    const isOrdered = name === 'managedFields' && managedFields?.every(isInOrder) === true;
    setOwn(ordered, name, isOrdered ? new Ordered(value) : sorted(value));
  }
  return ordered;
}

/** A value that is written as it is. */
class Ordered {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  toJSON(): unknown {
    return this.#value;
  }
}

/** The same value with names in order; what is in order already, as most of it is, is not copied. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return sortedItems(value);
  if (isBigInteger(value)) return value;
  const source = value as Record<string, unknown>;
  let copy: Record<string, unknown> | undefined;
  if (!isInOrder(source)) {
    copy = {};
    for (const name of namesInOrder(source)) setOwn(copy, name, sorted(source[name]));
    return copy;
  }
  for (const name in source) {
    const child = source[name];
    const ordered = sorted(child);
    if (copy === undefined && ordered !== child) copy = membersBefore(name, source);
    if (copy !== undefined) setOwn(copy, name, ordered);
  }
  return copy ?? value;
}

function membersBefore(end: string, source: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const name in source) {
    if (name === end) break;
    setOwn(copy, name, source[name]);
  }
  return copy;
}

function sortedItems(items: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let i = 0; i < items.length; i++) {
    const ordered = sorted(items[i]);
    if (copy === undefined && ordered !== items[i]) copy = items.slice();
    if (copy !== undefined) copy[i] = ordered;
  }
  return copy ?? items;
}

function isInOrder(object: object): boolean {
  let previous = '';
  for (const name in object) {
    if (previous > name) return false;
    previous = name;
  }
  return true;
}

function namesInOrder(object: object): string[] {
  const names = Object.keys(object);
  if (names.length > fewNames) return names.sort();
  // Few, and mostly in order: the built-in way makes copies first.
  for (let i = 1; i < names.length; i++) {
    const name = names[i] ?? '';
    let at = i;
    for (; at > 0 && (names[at - 1] ?? '') > name; at--) names[at] = names[at - 1] ?? '';
    names[at] = name;
  }
  return names;
}
