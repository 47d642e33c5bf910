/** An endpoint that is gone without a word: no reset comes, and what waits for its answers would wait for ever. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GrpcError, Status } from '@timonier/grpc';
import { FreshReads } from '../cache/fresh-reads.ts';
import { WatchCache } from '../cache/watch-cache.ts';
import { type Gate, linkTo } from '../testing/link.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import type { WatchResponse } from './etcd-messages.ts';
import { StoreClient } from './store-client.ts';
import { isSilence } from './store-failures.ts';

const everything = { createRequest: { key: Buffer.from([0]), rangeEnd: Buffer.from([0]), startRevision: 0 } };

/** Nothing passes any more once it is told so. */
class Silence {
  isSilent = false;

  readonly gate = (): Gate => ({
    sent: () => !this.isSilent,
    received: () => !this.isSilent,
    staysOpen: () => this.isSilent,
  });
}

/** The beats of all connections, at the test's word. */
class Beats {
  readonly #all = new Set<() => void>();

  readonly start = (beat: () => void): (() => void) => {
    this.#all.add(beat);
    return () => this.#all.delete(beat);
  };

  beat(): void {
    for (const beat of this.#all) beat();
  }
}

interface Watch {
  /** The next response. */
  next(): Promise<WatchResponse>;
}

function watchOf(store: StoreClient): Watch {
  const responses = store.watch(everything, new AbortController().signal)[Symbol.asyncIterator]();
  return {
    next: async () => {
      const { done, value } = await responses.next();
      assert.notEqual(done, true);
      return value as WatchResponse;
    },
  };
}

test('who answers that it has no leader, or refuses a call, is not silent, nor is whom nobody waited for', () => {
  const of = (...given: ConstructorParameters<typeof GrpcError>): GrpcError => new GrpcError(...given);
  assert.equal(isSilence(of(Status.DEADLINE_EXCEEDED, 'Deadline exceeded'), true), true);
  assert.equal(isSilence(of(Status.DEADLINE_EXCEEDED, 'Deadline exceeded'), false), false);
  assert.equal(isSilence(of(Status.UNAVAILABLE, 'etcdserver: no leader'), true), false);
  const none = 'No connection established';
  assert.equal(isSilence(of(Status.UNAVAILABLE, `${none} to 10.0.0.1:2379: ECONNREFUSED`), false), true);
  assert.equal(isSilence(of(Status.UNAVAILABLE, `${none}: the server refused the call`), true), false);
});

test('reads go on where another endpoint is well, and the watch moves there with the calls', async (t) => {
  const { endpoint } = await startEtcd(t);
  const link = new Silence();
  const throughLink = await linkTo(t, endpoint, link.gate);
  const beats = new Beats();
  const store = new StoreClient({
    endpoints: [throughLink, endpoint],
    timeoutMs: 2_000,
    beats: beats.start,
  });
  const direct = new StoreClient({ endpoints: [endpoint] });
  const ignore = (): void => undefined;
  const log = { info: ignore, warn: ignore, error: ignore };
  const cache = new WatchCache({ store, root: '/registry/', prefixes: ['configmaps'], log });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  t.after(async () => {
    stop.abort();
    store.close();
    direct.close();
    await running;
  });
  const put = async (key: string): Promise<number> => {
    const { header } = await direct.txn([], [{ requestPut: { key, value: 'x' } }], []);
    return header?.revision ?? 0;
  };
  assert.ok(await cache.waitFor(await put('/a'), 60_000));
  link.isSilent = true;
  const revision = await put('/b');
  await new FreshReads(store, cache).fresh();
  assert.ok(cache.revision >= revision);
  assert.ok(cache.following);
});

test('a watch ends when the only endpoint answers no PING, and goes on for as long as it does', async (t) => {
  const { endpoint } = await startEtcd(t);
  const link = new Silence();
  const throughLink = await linkTo(t, endpoint, link.gate);
  const beats = new Beats();
  const store = new StoreClient({ endpoints: [throughLink], beats: beats.start });
  t.after(() => store.close());
  const watch = watchOf(store);
  assert.equal((await watch.next()).created, true);
  beats.beat();
  // Behind the answer to the PING on the watch's connection comes the event.
  await store.txn([], [{ requestPut: { key: 'a', value: 'b' } }], []);
  assert.equal((await watch.next()).events.length, 1);
  link.isSilent = true;
  beats.beat();
  beats.beat();
  await assert.rejects(watch.next(), { message: /the server answered nothing, not even a PING/ });
});
