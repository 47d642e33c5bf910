/** What a watch that resumes far behind leaves in memory of the changes that it is shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CacheEvent } from '../cache/cache-event.ts';
import { EventLog } from '../cache/event-log.ts';
import { StoreClient } from '../storage/store-client.ts';
import { startApiServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const changes = 1_000;

test('of what a resuming watch has encoded again, no more is kept than of the newest changes', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const first = await server.request('POST', maps, { metadata: { name: 'first' } });
  assert.equal(first.status, 201, first.body.toString());
  const { mock } = t.mock.method(EventLog.prototype, 'append');
  const seen = (): CacheEvent[] =>
    mock.calls
      .map(({ arguments: [event] }) => event)
      .filter(({ current }) => current?.key.includes('/configmaps/default/many-') === true);
  const store = new StoreClient({ endpoints: [endpoint] });
  t.after(() => store.close());
  const { kvs } = await store.range({ key: '/registry/configmaps/default/first' });
  const { value = Buffer.alloc(0) } = kvs[0] ?? {};
  for (let at = 0; at < changes; at += 100) {
    const puts = Array.from({ length: 100 }, (_, i) => ({
      requestPut: { key: `/registry/configmaps/default/many-${at + i}`, value },
    }));
    await store.txn([], puts, []);
  }
  await until(() => seen().length === changes, 'the changes have come');
  const { resourceVersion } = first.json.metadata as { resourceVersion: string };
  const stop = new AbortController();
  const events = server.watch(`${maps}?watch=1&resourceVersion=${resourceVersion}`, stop.signal);
  for (let told = 0; told < changes;) {
    const next = await events.next();
    if (next.value?.object.metadata.name === 'first') told++;
  }
  stop.abort();
  const kept = seen().filter(({ encoded }) => encoded !== undefined);
  assert.ok(kept.length <= 512, `of ${kept.length} changes`);
  assert.equal(seen().at(-1), kept.at(-1));
});
