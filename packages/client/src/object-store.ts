/**
 * A keyed set of objects with indexes kept beside it. Index functions must be pure: an object's index values are
 * computed again when it leaves, and must come out the same.
 */
import type { KubeObject, ObjectKey } from './types.ts';

export type IndexFunctions<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

/** `namespace/name`, or `name` for objects without a namespace. */
export function keyOf(key: ObjectKey): string {
  return key.namespace === undefined || key.namespace === '' ? key.name : `${key.namespace}/${key.name}`;
}

/** The key of an object. */
export function objectKey(object: KubeObject): string {
  return keyOf({ namespace: object.metadata?.namespace, name: object.metadata?.name ?? '' });
}

/** The inverse of `keyOf`. */
export function parseKey(key: string): { namespace?: string; name: string } {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

export class ObjectStore<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexFunctions: IndexFunctions<T>;
  readonly #indexes = new Map<string, Map<string, Map<string, T>>>();

  constructor(indexFunctions: IndexFunctions<T> = {}) {
    this.#indexFunctions = indexFunctions;
    for (const name of Object.keys(indexFunctions)) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  /** Throws when the index was not declared: that is a programming error, not an empty answer. */
  byIndex(index: string, value: string): T[] {
    const values = this.#indexes.get(index);
    if (values === undefined) throw new Error(`no index "${index}" was declared`);
    return [...(values.get(value)?.values() ?? [])];
  }

  /** Puts an object in and returns the one it replaced. */
  set(key: string, object: T): T | undefined {
    const previous = this.delete(key);
    this.#objects.set(key, object);
    for (const [name, values] of this.#indexes) {
      for (const value of this.#indexFunctions[name]?.(object) ?? []) {
        let bucket = values.get(value);
        if (bucket === undefined) values.set(value, (bucket = new Map()));
        bucket.set(key, object);
      }
    }
    return previous;
  }

  delete(key: string): T | undefined {
    const previous = this.#objects.get(key);
    if (previous === undefined) return undefined;
    this.#objects.delete(key);
    for (const [name, values] of this.#indexes) {
      for (const value of this.#indexFunctions[name]?.(previous) ?? []) {
        const bucket = values.get(value);
        bucket?.delete(key);
        if (bucket?.size === 0) values.delete(value);
      }
    }
    return previous;
  }
}
