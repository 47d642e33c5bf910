/**
 * Changes that happened before the cache's log begins, from the store's own history. A watch over *all* keys is
 * replayed from the revision asked for: since every revision has a change, the replay knows when it has met the log.
 * Ends with `Compacted` when the store no longer has those revisions.
 *
 * It begins with the revision itself, whose changes the client has, and not with the next one: of the oldest revision
 * that is left a store may neither know what was there before nor, as etcd 3.4, that something went. Who has the
 * revision before that one cannot be told of it, and begins anew.
 */
import type { StoreClient } from '../storage/store-client.ts';
import { Compacted } from '../storage/store-failures.ts';
import type { KeyValue, StoreEvent } from '../storage/etcd-messages.ts';
import { readableOf, type StoredObject } from '../storage/stored-object.ts';
import type { CacheEvent } from './cache-event.ts';
import { changeOf } from './watch-cache.ts';

const wholeSpace = Buffer.from([0]);

/** Yields the changes under `prefix` after `from` and up to `to`, in order. */
export async function* replayHistory(
  store: StoreClient,
  prefix: string,
  from: number,
  to: number,
  signal: AbortSignal,
): AsyncGenerator<CacheEvent> {
  if (from >= to) return;
  const stop = new AbortController();
  const request = {
    createRequest: { key: wholeSpace, rangeEnd: wholeSpace, startRevision: from, prevKv: true },
  };
  try {
    for await (const response of store.watch(request, AbortSignal.any([signal, stop.signal]))) {
      if (response.canceled) {
        if (response.compactRevision > 0) throw new Compacted(response.compactRevision);
        throw new Error(`the store ended the watch: ${response.cancelReason}`);
      }
      for (const event of response.events) {
        const { kv } = event;
        if (kv === undefined) continue;
        if (kv.modRevision > to) return;
        if (kv.modRevision <= from) continue;
        if (!kv.key.toString().startsWith(prefix)) continue;
        // Compacted since: a deletion of nobody knows what.
        if (!isNew(event, kv) && (event.prevKv === undefined || event.prevKv === null))
          throw new Compacted(0);
        const previous = read(event.prevKv);
        const current = event.type === 1 ? undefined : read(kv);
        if (previous !== undefined || current !== undefined)
          yield changeOf(kv.modRevision, previous, current);
      }
      if ((response.events.at(-1)?.kv?.modRevision ?? 0) >= to) return;
    }
  } finally {
    stop.abort();
  }
}

function isNew({ type }: StoreEvent, { createRevision, modRevision }: KeyValue): boolean {
  return type !== 1 && createRevision === modRevision;
}

function read(kv: KeyValue | null | undefined): StoredObject | undefined {
  if (kv === undefined || kv === null || kv.value.length === 0) return undefined;
  return readableOf(kv)[0];
}
