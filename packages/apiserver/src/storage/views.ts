/**
 * Stored objects in the shape of the resource that is asked for. Most kinds have one shape, and then this is the
 * stored object itself; events and horizontal pod autoscalers are served in two; a custom resource in as many as its
 * definition has versions, each with the fields and defaults that its schema has now. A view is an object like any
 * other, with the key and revisions of what is stored: whatever reads bytes, labels or fields need not know.
 *
 * Views are made at once, but for custom resources that a webhook converts: those must be prepared before.
 */
import {
  type CustomKind,
  fromStored as inShape,
  isStoredShape,
  type ResourceInfo,
  toStored as inStoredShape,
} from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { fromStored, sameContent, type StoredObject, toStored } from './stored-object.ts';

/** Objects that a webhook converts in one call, as upstream. */
const batch = 500;

/** Views of custom resources, for as long as both the stored object and this version of the kind are in use. */
const known = new WeakMap<CustomKind, WeakMap<StoredObject, StoredObject>>();

/** The object as `info` shows it. */
export function viewOf(info: ResourceInfo, stored: StoredObject): StoredObject {
  if (info.custom !== undefined) return customView(info.custom, stored);
  if (isStoredShape(info)) return stored;
  const tree = inShape(info, stored.object());
  return fromStored(stored.key, toStored(tree), stored.revision, stored.createRevision);
}

/** The same for what may not be there. */
export function viewOfAny(info: ResourceInfo, stored: StoredObject | undefined): StoredObject | undefined {
  return stored === undefined ? undefined : viewOf(info, stored);
}

/** True when views of a kind must be prepared before they can be had. */
export function needsPreparation(info: ResourceInfo): boolean {
  return info.custom?.convert !== undefined;
}

/** Makes sure that `viewOf` has an answer for each object. Throws a `StatusError` when they cannot be converted. */
export async function prepareViews(
  info: ResourceInfo,
  objects: readonly (StoredObject | undefined)[],
): Promise<void> {
  const { custom } = info;
  if (custom?.convert === undefined) return;
  const views = viewsOf(custom);
  const missing = objects.flatMap((stored) => {
    if (stored === undefined || views.has(stored)) return [];
    const tree = custom.completeStored(stored.object());
    return tree.apiVersion === custom.apiVersion ? [] : [{ stored, tree }];
  });
  for (let start = 0; start < missing.length; start += batch) {
    const part = missing.slice(start, start + batch);
    const trees = part.map(({ tree }) => tree);
    const converted = await custom.convert(trees, custom.apiVersion);
    for (const [i, { stored }] of part.entries())
      keep(custom, stored, custom.complete(converted[i] ?? stored.object()));
  }
}

/**
 * The bytes to store of an object in the shape of `info`; `value` is what `toStored` makes of it, if that is known.
 * Throws when it cannot be converted.
 */
export function storedValue(info: ResourceInfo, object: ApiObject, value?: Buffer): Buffer | Promise<Buffer> {
  const { custom } = info;
  if (custom === undefined)
    return isStoredShape(info) ? (value ?? toStored(object)) : toStored(inStoredShape(info, object));
  if (custom.storedApiVersion === object.apiVersion) return value ?? toStored(object);
  if (custom.convert === undefined) return toStored({ ...object, apiVersion: custom.storedApiVersion });
  return custom.convert([object], custom.storedApiVersion).then(([stored]) => toStored(stored ?? object));
}

function viewsOf(custom: CustomKind): WeakMap<StoredObject, StoredObject> {
  let views = known.get(custom);
  if (views === undefined) known.set(custom, (views = new WeakMap<StoredObject, StoredObject>()));
  return views;
}

function customView(custom: CustomKind, stored: StoredObject): StoredObject {
  const found = viewsOf(custom).get(stored);
  if (found !== undefined) return found;
  const tree = custom.completeStored(stored.object());
  if (tree.apiVersion !== custom.apiVersion && custom.convert !== undefined)
    throw new Error(`${stored.key} was not converted to ${custom.apiVersion}`);
  return keep(custom, stored, inVersion(custom, tree));
}

function inVersion(custom: CustomKind, tree: ApiObject): ApiObject {
  return tree.apiVersion === custom.apiVersion
    ? tree
    : custom.complete({ ...tree, apiVersion: custom.apiVersion });
}

function keep(custom: CustomKind, stored: StoredObject, complete: ApiObject): StoredObject {
  const view = sameContent(complete, stored)
    ? stored
    : fromStored(stored.key, toStored(complete), stored.revision, stored.createRevision);
  viewsOf(custom).set(stored, view);
  return view;
}
