/** Nothing new goes into a namespace that does not exist or is being deleted. */
import { storageKey } from '@timonier/api';
import type { Namespace } from '@timonier/api';
import { forbidden, notFound, StatusError } from '@timonier/api/statuses';
import type { WriteContext } from '../server-state.ts';
import { readCurrent } from './mutate.ts';

const namespaces = { group: '', resource: 'namespaces' };

/** Throws 404 or 403. The cache may not know a new namespace yet, so its "no" is checked with the store. */
export async function checkNamespace({ server, target }: WriteContext): Promise<void> {
  const { info, namespace } = target;
  if (!info.namespaced) return;
  const type = server.registry.lookup('', 'v1', 'namespaces');
  if (type === undefined) return;
  const key = storageKey(type, undefined, namespace, server.root);
  const stored =
    server.cache.resource(type.storagePrefix ?? '').index.get(key) ?? (await readCurrent(server, key));
  if (stored === undefined) throw new StatusError(notFound(namespaces, namespace));
  const object = stored.object() as Namespace;
  if (object.metadata?.deletionTimestamp === undefined) return;
  const detail = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const status = forbidden(info, target.name, detail);
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
