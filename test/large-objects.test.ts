/** Stores full of objects of a megabyte, which an API server must be able to start over and to list. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WatchCache } from '../packages/apiserver/src/cache/watch-cache.ts';
import { StoreClient } from '../packages/apiserver/src/storage/store-client.ts';
import { toStored } from '../packages/apiserver/src/storage/stored-object.ts';
import { until } from './acceptance/wait.ts';
import { etcd, StoreGroup, timonier } from './conformance/store/members.ts';

const objects = 80;
const bytes = 1024 * 1024;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

for (const program of [timonier, etcd])
  test(`a store with ${objects} objects of a megabyte is loaded: ${program.name}`, async (t) => {
    const group = await StoreGroup.start(program, 1);
    t.after(() => group.close());
    const { endpoint } = await group.leader();
    const store = new StoreClient({ endpoints: [endpoint], timeoutMs: 20_000 });
    t.after(() => store.close());
    const put = (resource: string, name: string, kind: string, text: string): Promise<unknown> => {
      const metadata = { name, namespace: 'default' };
      const value = toStored({ apiVersion: 'v1', kind, metadata, data: { text } });
      return store.txn([], [{ requestPut: { key: `/registry/${resource}/default/${name}`, value } }], []);
    };
    // Small ones come first, so that many are asked for at once.
    for (let i = 0; i < 700; i++) await put('bindings', `small-${i}`, 'Binding', '');
    for (let i = 0; i < objects; i++) await put('configmaps', `large-${i}`, 'ConfigMap', 'x'.repeat(bytes));
    await put('pods', 'last', 'Pod', '');

    const prefixes = ['bindings', 'configmaps', 'pods'];
    const client = new StoreClient({ endpoints: [endpoint] });
    t.after(() => client.close());
    const cache = new WatchCache({ store: client, root: '/registry/', prefixes, log: silent });
    const stop = new AbortController();
    const run = cache.run(stop.signal);
    t.after(async () => {
      stop.abort();
      await run;
    });
    await until('the cache is loaded', 60_000, () => Promise.resolve(cache.revision > 0 ? true : undefined));
    const counts = prefixes.map((prefix) => cache.resource(prefix).index.size);
    assert.deepEqual(counts, [700, objects, 1]);
    assert.equal(client.pageCounts.tooLate, 0);
  });
