/**
 * Objects by the value of one of their fields. Every kubelet asks for the pods of its own node, and a node has some dozens of
 * the ten thousands that there are: without an index each list would look at all of them, and each change of a pod would
 * wake the watches of all nodes. As upstream there is one such field.
 */
import type { ResourceInfo } from '@timonier/api';
import type { StoredObject } from '../storage/stored-object.ts';

/** A value that a field must have, and how it is read. */
export interface RequiredValue {
  readonly value: string;
  readonly valueOf: (object: StoredObject) => string;
}

/** A field that is a text where it is there. */
export interface IndexedField {
  readonly name: string;
  readonly path: readonly string[];
}

export const nodeName: IndexedField = { name: 'spec.nodeName', path: ['spec', 'nodeName'] };

/** The field of a resource that is worth an index. */
export function indexedField({ storagePrefix }: ResourceInfo): IndexedField | undefined {
  return storagePrefix === 'pods' ? nodeName : undefined;
}

/** The value that the index has an object under. */
export function indexedValue(object: StoredObject, { path }: IndexedField): string {
  const value = object.indexed(path);
  return typeof value === 'string' ? value : '';
}

export class FieldIndex {
  readonly #valueOf: (object: StoredObject) => string;
  /** By value, and there by key. */
  readonly #objects = new Map<string, Map<string, StoredObject>>();

  constructor(valueOf: (object: StoredObject) => string, objects: Iterable<StoredObject>) {
    this.#valueOf = valueOf;
    for (const object of objects) this.#add(object);
  }

  #add(object: StoredObject): void {
    const value = this.#valueOf(object);
    let bucket = this.#objects.get(value);
    if (bucket === undefined) this.#objects.set(value, (bucket = new Map()));
    bucket.set(object.key, object);
  }

  replace(before: StoredObject | undefined, after: StoredObject | undefined): void {
    if (before !== undefined) {
      const value = this.#valueOf(before);
      const bucket = this.#objects.get(value);
      bucket?.delete(before.key);
      if (bucket?.size === 0) this.#objects.delete(value);
    }
    if (after !== undefined) this.#add(after);
  }

  /** Those with this value, in the order of their keys. */
  under(value: string): StoredObject[] {
    const found = [...(this.#objects.get(value)?.values() ?? [])];
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}
