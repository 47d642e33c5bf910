/** Nothing new comes of a kind whose definition is gone or on its way out: nobody would delete it any more. */
import { type ObjectMeta, storageKey } from '@timonier/api';
import { methodNotAllowed, pathNotFound, StatusError } from '@timonier/api/statuses';
import type { WriteContext } from '../server-state.ts';
import type { Compare } from '../storage/etcd-messages.ts';
import { readCurrent } from './read-current.ts';

/** Read out of the bytes of a definition once: they may be many. */
const metadata: readonly string[] = ['metadata'];
const closed = 'create not allowed while custom resource definition is terminating';

/**
 * What the creation of a custom resource compares so that it cannot slip behind the deletion of its kind, which this
 * server may not have heard of yet. The first call answers from the cache, later ones (when the comparison failed) from
 * the store. Throws 404 or 405.
 */
export function definitionCondition({ server, target }: WriteContext): () => Promise<readonly Compare[]> {
  const { info } = target;
  const type = server.registry.lookup('apiextensions.k8s.io', 'v1', 'customresourcedefinitions');
  let isFresh = false;
  return async () => {
    if (info.custom === undefined || type === undefined) return [];
    const key = storageKey(type, undefined, `${info.resource}.${info.group}`, server.root);
    const cached = isFresh ? undefined : server.cache.resource(type.storagePrefix ?? '').index.get(key);
    isFresh = true;
    const stored = cached ?? (await readCurrent(server, type, key));
    // Another one of that name may define something else, and never knew the object that was judged by this one.
    const { uid, deletionTimestamp } = (stored?.indexed(metadata) ?? {}) as ObjectMeta;
    if (stored === undefined || uid !== info.custom.uid) throw new StatusError(pathNotFound());
    if (deletionTimestamp !== undefined)
      throw new StatusError({ ...methodNotAllowed(info, 'create'), message: closed });
    return [{ key, target: 'MOD', result: 'EQUAL', modRevision: stored.revision }];
  };
}
