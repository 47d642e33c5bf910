/** Nothing new goes into a namespace that does not exist or is being deleted. */
import { storageKey } from '@timonier/api';
import type { Namespace } from '@timonier/api';
import { forbidden, notFound, StatusError } from '@timonier/api/statuses';
import type { WriteContext } from '../server-state.ts';
import type { Compare } from '../storage/etcd-messages.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import { readCurrent } from './read-current.ts';

const namespaces = { group: '', resource: 'namespaces' };

/**
 * What a creation compares so that it cannot slip into a namespace whose deletion this server has not heard of yet. The
 * first call answers from the cache, later ones (when the comparison failed) from the store. Throws 404 or 403. Nothing
 * where nobody minds (`isMinded`).
 */
export function namespaceCondition(
  context: WriteContext,
  name: string,
  isMinded: boolean,
): () => Promise<readonly Compare[]> {
  if (!isMinded) return () => Promise.resolve([]);
  let isFresh = false;
  return async () => {
    const found = await checkNamespace(context, name, isFresh);
    isFresh = true;
    if (found === undefined) return [];
    return [{ key: found.key, target: 'MOD', result: 'EQUAL', modRevision: found.revision }];
  };
}

/** Throws 404, or 403 that tells of `name`. The cache may not know a new namespace yet, so its "no" is checked with the store. */
export async function checkNamespace(
  { server, target }: WriteContext,
  name: string,
  fresh = false,
): Promise<StoredObject | undefined> {
  const { info, namespace } = target;
  const type = server.registry.lookup('', 'v1', 'namespaces');
  if (!info.namespaced || type === undefined) return undefined;
  const key = storageKey(type, undefined, namespace, server.root);
  const cached = fresh ? undefined : server.cache.resource(type.storagePrefix ?? '').index.get(key);
  const stored = cached ?? (await readCurrent(server, type, key));
  if (stored === undefined) throw new StatusError(notFound(namespaces, namespace));
  // Nearly all namespaces stay: to see that in the bytes saves every creation from parsing one.
  if (!stored.json.includes('"deletionTimestamp"')) return stored;
  const object = stored.object() as Namespace;
  if (object.metadata?.deletionTimestamp === undefined) return stored;
  const detail = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const status = forbidden(info, name, detail);
  throw new StatusError({
    ...status,
    details: {
      ...status.details,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  });
}
