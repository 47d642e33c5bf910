/** One object as it is in the store now, for whoever cannot do with what the cache says. */
import type { ResourceInfo } from '@timonier/api';
import type { ServerState } from '../server-state.ts';
import type { KeyValue } from '../storage/etcd-messages.ts';
import { fromStored, type StoredObject } from '../storage/stored-object.ts';

/** The state in the store, read linearizably. */
export async function readCurrent(
  server: ServerState,
  info: ResourceInfo,
  key: string,
): Promise<StoredObject | undefined> {
  const since = performance.now();
  let kvs: readonly KeyValue[] | undefined;
  try {
    ({ kvs } = await server.store.range({ key }));
  } finally {
    server.metrics.store.answered('get', info, since, kvs === undefined);
  }
  const [kv] = kvs;
  return kv === undefined ? undefined : fromStored(key, kv.value, kv.modRevision, kv.createRevision);
}
