/** What plugins read of other objects: the watch cache, as trees that nobody may change. */
import type { ApiObject } from '@timonier/api/decode';
import { rangeEnd } from '../storage/keys.ts';
import type { ServerState } from '../server-state.ts';
import type { StoredObject } from '../storage/stored-object.ts';

const trees = new WeakMap<StoredObject, ApiObject>();

/** The tree of a stored object, parsed once. It is shared: read it only. */
export function treeOf(stored: StoredObject): Readonly<ApiObject> {
  let tree = trees.get(stored);
  if (tree === undefined) trees.set(stored, (tree = stored.object()));
  return tree;
}

/** One object of a resource by its storage prefix; `namespace` is empty for a kind without. */
export function cachedObject<T>(
  server: ServerState,
  prefix: string,
  namespace: string,
  name: string,
): Readonly<T> | undefined {
  const key = `${server.root}${prefix}/${namespace === '' ? '' : `${namespace}/`}${name}`;
  const stored = server.cache.resource(prefix).index.get(key);
  return stored === undefined ? undefined : (treeOf(stored) as Readonly<T>);
}

/** All objects of a resource, or those of one namespace. */
export function cachedObjects<T>(server: ServerState, prefix: string, namespace = ''): Readonly<T>[] {
  const start = `${server.root}${prefix}/${namespace === '' ? '' : `${namespace}/`}`;
  return server.cache
    .resource(prefix)
    .index.getRange(start, rangeEnd(start))
    .map(([, stored]) => treeOf(stored) as Readonly<T>);
}
