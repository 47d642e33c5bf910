/**
 * Stored objects in the shape of the resource that is asked for. Most kinds have one shape, and then this is the
 * stored object itself; events and horizontal pod autoscalers are served in two. A view is an object like any other,
 * with the key and revisions of what is stored: whatever reads bytes, labels or fields need not know.
 */
import {
  fromStored as inShape,
  isStoredShape,
  type ResourceInfo,
  toStored as inStoredShape,
} from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { fromStored, type StoredObject, toStored } from './stored-object.ts';

/** The object as `info` shows it. */
export function viewOf(info: ResourceInfo, stored: StoredObject): StoredObject {
  if (isStoredShape(info)) return stored;
  const tree = inShape(info, stored.object());
  return fromStored(stored.key, toStored(tree), stored.revision, stored.createRevision);
}

/** The same for what may not be there. */
export function viewOfAny(info: ResourceInfo, stored: StoredObject | undefined): StoredObject | undefined {
  return stored === undefined ? undefined : viewOf(info, stored);
}

/** The bytes to store of an object in the shape of `info`. */
export function storedValue(info: ResourceInfo, object: ApiObject): Buffer {
  return toStored(isStoredShape(info) ? object : inStoredShape(info, object));
}
