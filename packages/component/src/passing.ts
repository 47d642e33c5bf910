/**
 * Maps and sets for what comes and goes: calls under way, writes that wait for their answer.
 *
 * V8 grows and tidies up a `Map` by making a new table, and the old one keeps pointing to the new one, for iterators that
 * may still be on their way. A table that a full collection has moved to the old generation therefore keeps alive,
 * though it is garbage itself, every table after it, each with the entries that it had when it was replaced: until the
 * next full collection all that passes through the map grows old, with everything that hangs on it. So these begin
 * anew, with a `Map` that no old table knows of, after so many deletions. Decision 0300 has the figures.
 */

/** Between two beginnings, or as many as there are entries if that is more. */
const deletions = 256;

/** A `Map`, but for iterators: those that are under way do not see what is added after a new beginning. */
export class PassingMap<K, V> {
  #map = new Map<K, V>();
  #deleted = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  set(key: K, value: V): this {
    // Not by `delete`, which who iterates may call: what it deletes later would still be in the old map.
    if (this.#deleted > deletions && this.#deleted > this.#map.size) {
      this.#map = new Map(this.#map);
      this.#deleted = 0;
    }
    this.#map.set(key, value);
    return this;
  }

  delete(key: K): boolean {
    if (!this.#map.delete(key)) return false;
    this.#deleted += 1;
    return true;
  }

  clear(): void {
    this.#map = new Map();
    this.#deleted = 0;
  }

  keys(): MapIterator<K> {
    return this.#map.keys();
  }

  values(): MapIterator<V> {
    return this.#map.values();
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.#map.entries();
  }
}

/** A `Set` in the same way. */
export class PassingSet<T> {
  readonly #map = new PassingMap<T, undefined>();

  get size(): number {
    return this.#map.size;
  }

  has(value: T): boolean {
    return this.#map.has(value);
  }

  add(value: T): this {
    this.#map.set(value, undefined);
    return this;
  }

  delete(value: T): boolean {
    return this.#map.delete(value);
  }

  clear(): void {
    this.#map.clear();
  }

  [Symbol.iterator](): MapIterator<T> {
    return this.#map.keys();
  }
}
