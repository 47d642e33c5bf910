import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passiveOffice } from '@timonier/client/office';
import { StoreClient } from './storage/store-client.ts';
import { activeAs, FakeOffice } from './testing/fake-office.ts';
import { type Answer, startApiServer, type TestServer, until, type WatchedEvent } from './testing/harness.ts';
import { freePort, startEtcd } from './testing/real-etcd.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';

async function take(endpoint: string, token: string): Promise<void> {
  const store = new StoreClient({ endpoints: [endpoint] });
  await store.txn([], [{ requestPut: { key: '/timonier/office', value: token } }], []);
  store.close();
}

/** As a client does it: a connection that is reset while the office moves is no answer, and the write may be there. */
async function write(server: TestServer, name: string): Promise<void> {
  const post = (): Promise<Answer> => server.request('POST', configMaps, { metadata: { name } });
  let reset = false;
  const answer = await post().catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET') throw error;
    reset = true;
    return post();
  });
  const { status } = answer;
  assert.ok(status === 201 || (reset && status === 409), `${status} ${answer.body.toString()}`);
}

test('a watcher sees every event once and in order while the office moves from one master to another', async (t) => {
  const { endpoint } = await startEtcd(t);
  // Two masters of one machine: the same internal port on two loopback addresses.
  const internalPort = await freePort();
  await take(endpoint, '1@a');
  const officeA = new FakeOffice(activeAs('1@a'));
  const a = await startApiServer(t, { endpoint, office: officeA, internalPort });
  const officeB = new FakeOffice({ ...passiveOffice, active: { name: 'a', address: '127.0.0.1' } });
  const b = await startApiServer(t, {
    endpoint,
    office: officeB,
    pki: a.pki,
    internalPort,
    bindAddress: '127.0.0.2',
  });
  // Through the passive master everything works as on the active one.
  await write(b, 'one');
  const start = (await b.request('GET', configMaps)).json.metadata.resourceVersion as string;
  const events: WatchedEvent[] = [];
  const seen = new AbortController();
  t.after(() => seen.abort());
  const follow = async (): Promise<void> => {
    let version = start;
    while (!seen.signal.aborted) {
      try {
        for await (const event of b.watch(`${configMaps}?watch=1&resourceVersion=${version}`, seen.signal)) {
          events.push(event);
          version = event.object.metadata.resourceVersion as string;
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const following = follow();
  await write(a, 'two');
  await until(() => events.length === 1, 'the first event came through the pipe');
  officeA.set(passiveOffice);
  await take(endpoint, '2@b');
  officeA.set({ ...passiveOffice, active: { name: 'b', address: '127.0.0.2' } });
  officeB.set({ ...activeAs('2@b'), active: { name: 'b', address: '127.0.0.2' } });
  await write(b, 'three');
  await write(a, 'four');
  await until(() => events.length === 3, 'all events have come');
  seen.abort();
  await following;
  assert.deepEqual(
    events.map(({ type, object }) => `${type} ${object.metadata.name}`),
    ['ADDED two', 'ADDED three', 'ADDED four'],
  );
});

test('a quiet watch shows the revision of an office as soon as its master takes it', async (t) => {
  const { endpoint } = await startEtcd(t);
  await take(endpoint, '1@a');
  const office = new FakeOffice(activeAs('1@a'));
  const server = await startApiServer(t, { endpoint, office });
  const seen = new AbortController();
  t.after(() => seen.abort());
  const list = await server.request('GET', configMaps);
  const version = list.json.metadata.resourceVersion as string;
  const path = `${configMaps}?watch=1&allowWatchBookmarks=true&resourceVersion=${version}`;
  const events: WatchedEvent[] = [];
  const follow = async (): Promise<void> => {
    for await (const event of server.watch(path, seen.signal)) events.push(event);
  };
  const following = follow().catch(() => undefined);
  await write(server, 'one');
  await until(() => events.length > 0, 'the watch is open');
  // Another resource moves on. The token stays, for the public port drops its watches with it; the private one does not.
  await take(endpoint, '1@a');
  const store = new StoreClient({ endpoints: [endpoint] });
  const { header } = await store.range({ key: '/timonier/office' });
  store.close();
  const revision = header?.revision ?? Infinity;
  office.set({ ...activeAs('1@a'), revision });
  // Bookmarks come every ten seconds otherwise.
  await until(() => events.some(({ type }) => type === 'BOOKMARK'), 'a bookmark has come', 30_000);
  const bookmark = events.find(({ type }) => type === 'BOOKMARK');
  assert.ok(Number(bookmark?.object.metadata.resourceVersion) >= revision);
  seen.abort();
  await following;
});

test('a watch that begins behind the revision of the office is shown it at once', async (t) => {
  const { endpoint } = await startEtcd(t);
  await take(endpoint, '1@a');
  const office = new FakeOffice(activeAs('1@a'));
  const server = await startApiServer(t, { endpoint, office });
  const version = (await server.request('GET', configMaps)).json.metadata.resourceVersion as string;
  await server.request('POST', '/api/v1/namespaces/default/secrets', { metadata: { name: 'one' } });
  const later = await server.request('GET', '/api/v1/namespaces/default/secrets');
  const revision = Number(later.json.metadata.resourceVersion);
  office.state = { ...activeAs('1@a'), revision };
  const seen = new AbortController();
  t.after(() => seen.abort());
  const timer = setTimeout(() => seen.abort(), 30_000);
  const path = `${configMaps}?watch=1&allowWatchBookmarks=true&resourceVersion=${version}`;
  const { value } = (await server.watch(path, seen.signal).next()) as { value?: WatchedEvent };
  clearTimeout(timer);
  assert.equal(value?.type, 'BOOKMARK');
  assert.ok(Number(value?.object.metadata.resourceVersion) >= revision);
});
