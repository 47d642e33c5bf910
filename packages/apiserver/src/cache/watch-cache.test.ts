/** The copy of the store against a real etcd: what happens while nobody listens, and what cannot be read. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { WatchRequest, WatchResponse } from '../storage/etcd-messages.ts';
import { StoreClient } from '../storage/store-client.ts';
import { toStored, unreadableValue } from '../storage/stored-object.ts';
import { until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import { WatchCache, type WatchCacheOptions } from './watch-cache.ts';

const ignore = (): void => undefined;
const log = { info: ignore, warn: ignore, error: ignore };

/** A client whose watches can be ended, and kept from beginning again. */
class Interruptible extends StoreClient {
  #mayBegin = Promise.withResolvers<void>();
  #cut = new AbortController();
  ranges = 0;

  constructor(endpoint: string) {
    super({ endpoints: [endpoint] });
    this.#mayBegin.resolve();
  }

  interrupt(): void {
    this.#mayBegin = Promise.withResolvers();
    this.#cut.abort();
    this.#cut = new AbortController();
  }

  goOn(): void {
    this.#mayBegin.resolve();
  }

  override range(...given: Parameters<StoreClient['range']>): ReturnType<StoreClient['range']> {
    this.ranges++;
    return super.range(...given);
  }

  override async *watch(request: WatchRequest, signal: AbortSignal): AsyncGenerator<WatchResponse> {
    await this.#mayBegin.promise;
    yield* super.watch(request, AbortSignal.any([signal, this.#cut.signal]));
  }
}

interface Started {
  readonly cache: WatchCache;
  readonly store: Interruptible;
  readonly direct: StoreClient;
  readonly put: (key: string, value: string | Buffer) => Promise<number>;
  readonly remove: (key: string) => Promise<number>;
}

async function started(t: TestContext, options: Partial<WatchCacheOptions> = {}): Promise<Started> {
  const { endpoint } = await startEtcd(t);
  const store = new Interruptible(endpoint);
  const direct = new StoreClient({ endpoints: [endpoint] });
  const cache = new WatchCache({ store, root: '/registry/', prefixes: ['configmaps'], log, ...options });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  t.after(async () => {
    stop.abort();
    store.goOn();
    store.close();
    direct.close();
    await running;
  });
  const txn = async (operation: Parameters<StoreClient['txn']>[1]): Promise<number> =>
    (await direct.txn([], operation, [])).header?.revision ?? 0;
  return {
    cache,
    store,
    direct,
    put: (key, value) => txn([{ requestPut: { key, value } }]),
    remove: (key) => txn([{ requestDeleteRange: { key } }]),
  };
}

function stored(name: string): Buffer {
  return toStored({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
}

test('what went in the oldest revision that the store still has is not kept for ever', async (t) => {
  const { cache, store, direct, put, remove } = await started(t);
  const key = '/registry/configmaps/default/a';
  assert.ok(await cache.waitFor(await put(key, stored('a')), 60_000));
  const { index } = cache.resource('configmaps');
  assert.ok(index.has(key));
  store.interrupt();
  await until(() => !cache.following, 'the watch has ended');
  await direct.compact(await remove(key));
  store.goOn();
  assert.ok(await cache.waitFor(await put('/registry/configmaps/default/b', stored('b')), 60_000));
  assert.deepEqual([...cache.resource('configmaps').index.keys()], ['/registry/configmaps/default/b']);
});

test('a watch that begins again misses nothing, and shows nothing twice', async (t) => {
  const { cache, store, put, remove } = await started(t);
  const at = (name: string): string => `/registry/configmaps/default/${name}`;
  const first = await put(at('a'), stored('a'));
  assert.ok(await cache.waitFor(first, 60_000));
  const { log: changes } = cache.resource('configmaps');
  const from = changes.nextSequence;
  store.interrupt();
  await until(() => !cache.following, 'the watch has ended');
  await put(at('b'), stored('b'));
  const last = await remove(at('a'));
  store.goOn();
  assert.ok(await cache.waitFor(last, 60_000));
  const seen: string[] = [];
  for (let sequence = from; sequence < changes.nextSequence; sequence++) {
    const event = changes.at(sequence);
    assert.ok(event !== undefined && event !== 'lost');
    seen.push(`${event.previous?.key ?? ''} ${event.current?.key ?? ''}`);
  }
  assert.deepEqual(seen, [` ${at('b')}`, `${at('a')} `]);
});

test('what cannot be read is asked for once more when it may have become readable, and not without end', async (t) => {
  const { cache, store, put } = await started(t);
  const names = ['a', 'b', 'c'].map((name) => `/registry/configmaps/default/${name}`);
  for (const key of names) assert.ok(await cache.waitFor(await put(key, 'nobody reads this'), 60_000));
  assert.equal(cache.unreadableUnder('/registry/').length, names.length);
  const before = store.ranges;
  const isOver = cache.retryUnreadable().then(() => true);
  const isEndless = until(() => store.ranges > before + 10 * names.length, 'it goes on and on').then(
    () => false,
    () => false,
  );
  assert.equal(await Promise.race([isOver, isEndless]), true);
  assert.equal(store.ranges, before + names.length);
  assert.equal(cache.unreadableUnder('/registry/').length, names.length);
});

test('who follows the other keys is told when a load begins and ends', async (t) => {
  const told: string[] = [];
  const { cache, store, direct, put, remove } = await started(t, {
    onForeignKey: (key, value) => told.push(`${value === undefined ? '-' : '+'}${key}`),
    onForeignLoad: (phase) => told.push(phase),
  });
  await put('/timonier/x', '1');
  assert.ok(await cache.waitFor(await put('/timonier/y', '1'), 60_000));
  store.interrupt();
  await until(() => !cache.following, 'the watch has ended');
  await remove('/timonier/x');
  await direct.compact(await put('/timonier/z', '1'));
  told.length = 0;
  store.goOn();
  assert.ok(await cache.waitFor(await put('/timonier/y', '2'), 60_000));
  assert.deepEqual(told.slice(0, 4), ['begins', '+/timonier/y', '+/timonier/z', 'ended']);
});

test('news that have come count, although the time to wait for them is over when the process looks', async (t) => {
  const news = Promise.withResolvers<WatchResponse>();
  const begun = Promise.withResolvers<void>();
  const stop = new AbortController();
  t.after(() => stop.abort());
  async function* watch(): AsyncGenerator<WatchResponse> {
    begun.resolve();
    yield await news.promise;
    await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
  }
  // Nothing else of a store is asked for.
  const store = { watch, pages: () => ({ revision: 1, next: () => Promise.resolve(undefined) }) };
  const cache = new WatchCache({ store: store as never, root: '/registry/', prefixes: [], log });
  void cache.run(stop.signal);
  await begun.promise;
  const waited = [cache.waitFor(2, 10), cache.waitFor(3, 10)];
  const kv = { key: Buffer.from('/other'), value: Buffer.alloc(0), version: 1, lease: 0 };
  const told = { created: false, canceled: false, compactRevision: 0, cancelReason: '' };
  // As what comes over the network, which is read after the timers.
  setImmediate(() =>
    news.resolve({ ...told, events: [{ type: 0, kv: { ...kv, createRevision: 2, modRevision: 2 } }] }),
  );
  // The process is stopped meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  assert.deepEqual(await Promise.all(waited), [true, false]);
});

test('prefixes are those of what is served and of whatever else there is, readable or not', async (t) => {
  const { cache, put, remove } = await started(t);
  for (const name of ['single', 'x.io/a/default/1', 'x.io/a/default/2', 'x.io/b/1', 'x.io/c/1'])
    await put(`/registry/${name}`, stored('a'));
  await put('/registry/x.io/d/1', unreadableValue('nobody has the key'));
  await put('/registry/configmaps/default/a', 'nobody reads this');
  assert.ok(await cache.waitFor(await remove('/registry/x.io/b/1'), 60_000));
  assert.deepEqual([...cache.prefixes()].toSorted(), ['configmaps', 'x.io/a', 'x.io/c', 'x.io/d']);
  assert.equal(cache.unreadableUnder('/registry/x.io/').length, 1);
  assert.ok(await cache.waitFor(await remove('/registry/x.io/d/1'), 60_000));
  assert.equal(cache.unreadableUnder('/registry/x.io/').length, 0);
});
