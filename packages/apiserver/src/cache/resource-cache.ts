/**
 * The objects and changes under one storage prefix: what gets, lists and watches of a resource read. Objects lie here as
 * bytes; what selectors ask for is read out of them once, a few milliseconds at a time, so that the first list with a
 * selector over tens of thousands of objects holds up nobody else.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import BTreeModule from 'sorted-btree';
import type { StoredObject } from '../storage/stored-object.ts';
import { EventLog } from './event-log.ts';
import { FieldIndex, type RequiredValue } from './field-index.ts';
import type { SelectedBy } from './selection.ts';

// The package is CommonJS; its class is the `default` of what Node imports.
const BTree = BTreeModule.default;
type ObjectTree = InstanceType<typeof BTree<string, StoredObject>>;

/** Below this many objects reading is done at once. */
const fewObjects = 500;
/** In milliseconds, looked at after some objects. */
const sliceMs = 3;
const objectsBetweenLooks = 32;

/** Keys are compared several times for every request; the tree's own way is made for keys of any type. */
export function byKey(a: string, b: string): number {
  return a < b ? -1 : a === b ? 0 : 1;
}

export class ResourceCache {
  readonly index: ObjectTree;
  readonly log: EventLog;
  /** Of all objects together, as JSON. */
  readonly size: { bytes: number };
  #fields: FieldIndex | undefined;
  readonly #isRead = new Set<SelectedBy>();

  /** `floor` is the revision of what is there before any change; `loaded` gives its objects to the new one. */
  constructor(floor: number, capacity: number, loaded?: ResourceCache) {
    this.index = loaded?.index ?? new BTree<string, StoredObject>(undefined, byKey);
    this.size = loaded?.size ?? { bytes: 0 };
    this.log = new EventLog(floor, capacity);
  }

  /** Undefined takes the object out. */
  put(key: string, object: StoredObject | undefined, before = this.index.get(key)): void {
    this.size.bytes += (object?.json.length ?? 0) - (before?.json.length ?? 0);
    if (object === undefined) this.index.delete(key);
    else this.index.set(key, object);
    this.#fields?.replace(before, object);
  }

  /** Objects with a value of the resource's indexed field, in the order of their keys. */
  under({ value, valueOf }: RequiredValue): StoredObject[] {
    // Made for whoever asks first: a cluster without nodes needs none.
    this.#fields ??= new FieldIndex(valueOf, this.index.values());
    return this.#fields.under(value);
  }

  /** Has `read` look at all objects, unless that was done; those that come later are read by whoever meets them. */
  async readAhead(by: SelectedBy, read: (object: StoredObject) => void): Promise<void> {
    if (this.#isRead.has(by) || this.index.size < fewObjects) return;
    let since = performance.now();
    for (const [i, object] of this.index.valuesArray().entries()) {
      read(object);
      if (i % objectsBetweenLooks > 0 || performance.now() - since < sliceMs) continue;
      await nextTurn();
      since = performance.now();
    }
    this.#isRead.add(by);
  }
}
