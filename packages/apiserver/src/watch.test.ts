import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { StoreClient } from './storage/store-client.ts';
import { startApiServer, type TestServer, type WatchedEvent } from './testing/harness.ts';
import { startEtcd } from './testing/real-etcd.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';

async function serverOn(t: TestContext): Promise<{ server: TestServer; endpoint: string }> {
  const { endpoint } = await startEtcd(t);
  return { server: await startApiServer(t, { endpoint }), endpoint };
}

async function createMap(
  server: TestServer,
  name: string,
  labels: Record<string, string> = {},
): Promise<string> {
  const answer = await server.request('POST', configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels },
  });
  assert.equal(answer.status, 201);
  return answer.json.metadata.resourceVersion as string;
}

/** Reads a watch until `count` events have come, or `last` says that one is the last. */
async function take(
  server: TestServer,
  path: string,
  enough: (events: readonly WatchedEvent[]) => boolean,
): Promise<WatchedEvent[]> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 30_000);
  const events: WatchedEvent[] = [];
  for await (const event of server.watch(path, stop.signal)) {
    events.push(event);
    if (enough(events)) break;
  }
  clearTimeout(timer);
  return events;
}

function summary(events: readonly WatchedEvent[]): string[] {
  return events.map(({ type, object }) => `${type} ${object.metadata.name ?? ''}`.trim());
}

test('what a selector no longer finds is shown as it last was found', async (t) => {
  const { server } = await serverOn(t);
  const labels = { l: 'yes' };
  const made = await server.request('POST', configMaps, {
    metadata: { name: 'a', labels },
    data: { a: 'old' },
  });
  const version = made.json.metadata.resourceVersion;
  const pending = take(
    server,
    `${configMaps}?watch=1&labelSelector=l%3Dyes&resourceVersion=${version}`,
    (events) => events.length === 1,
  );
  const change = '{"metadata":{"labels":{"l":"no"}},"data":{"a":"new"}}';
  const changed = await server.request('PATCH', `${configMaps}/a`, change, {
    headers: { 'content-type': 'application/merge-patch+json' },
  });
  const [event] = await pending;
  assert.equal(event?.type, 'DELETED');
  assert.deepEqual(event.object.metadata.labels, labels);
  assert.deepEqual(event.object.data, { a: 'old' });
  assert.equal(event.object.metadata.resourceVersion, changed.json.metadata.resourceVersion);
});

test('a watch resumes from a version that only the store still remembers, without missing or repeating', async (t) => {
  const { server, endpoint } = await serverOn(t);
  const first = await createMap(server, 'a');
  await createMap(server, 'b');
  await server.request('PATCH', `${configMaps}/a`, '{"data":{"x":"1"}}', {
    headers: { 'content-type': 'application/merge-patch+json' },
  });
  await server.request('DELETE', `${configMaps}/b`);
  await server.stop();
  // A new server has loaded the present state and has seen none of these changes.
  const next = await startApiServer(t, { endpoint, pki: server.pki });
  const pending = take(
    next,
    `${configMaps}?watch=1&resourceVersion=${first}`,
    (events) => events.length === 4,
  );
  await createMap(next, 'c');
  const events = await pending;
  assert.deepEqual(summary(events), ['ADDED b', 'MODIFIED a', 'DELETED b', 'ADDED c']);
  const versions = events.map(({ object }) => Number(object.metadata.resourceVersion));
  assert.deepEqual(
    versions,
    [...versions].sort((a, b) => a - b),
  );
});

test('a watch ends when its timer says so, although the clock is a moment behind', async (t) => {
  const { server } = await serverOn(t);
  await createMap(server, 'a');
  // Bookmarks would wake it later.
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const stop = new AbortController();
  t.after(() => stop.abort());
  const events = server.watch(`${configMaps}?watch=1&timeoutSeconds=50`, stop.signal);
  const first = (await events.next()) as { value: WatchedEvent };
  assert.equal(first.value.type, 'ADDED');
  const last = events.next();
  t.mock.timers.tick(50_000);
  t.mock.timers.reset();
  const timer = setTimeout(() => stop.abort(), 60_000);
  assert.equal((await last).done, true);
  clearTimeout(timer);
  assert.equal(stop.signal.aborted, false, 'it went on');
});

test('a version that the store has compacted away is answered with 410', async (t) => {
  const { server, endpoint } = await serverOn(t);
  const first = await createMap(server, 'a');
  await createMap(server, 'b');
  const last = await createMap(server, 'c');
  await server.stop();
  execFileSync('etcdctl', [`--endpoints=${endpoint}`, 'compact', last], {
    env: { ...process.env, ETCDCTL_API: '3' },
  });
  const next = await startApiServer(t, { endpoint, pki: server.pki });
  const [event] = await take(next, `${configMaps}?watch=1&resourceVersion=${first}`, () => true);
  assert.equal(event?.type, 'ERROR');
  assert.equal(event?.object.code, 410);
});

test('a deletion in the oldest revision that the store still has is not passed over', async (t) => {
  const { server, endpoint } = await serverOn(t);
  await createMap(server, 'a');
  await server.stop();
  const store = new StoreClient({ endpoints: [endpoint] });
  t.after(() => store.close());
  const key = '/registry/configmaps/default/a';
  const { header } = await store.txn([], [{ requestDeleteRange: { key } }], []);
  const oldest = header?.revision ?? 0;
  await store.compact(oldest);
  // The new server has to ask the store about either version.
  await store.txn([], [{ requestPut: { key: '/later', value: 'x' } }], []);
  const next = await startApiServer(t, { endpoint, pki: server.pki });
  const watched = (version: number): Promise<WatchedEvent[]> =>
    take(next, `${configMaps}?watch=1&resourceVersion=${version}`, () => true);
  const [tooOld, fromThere] = [watched(oldest - 1), watched(oldest)];
  await createMap(next, 'c');
  const [event] = await tooOld;
  assert.equal(event?.type, 'ERROR');
  assert.equal(event?.object.code, 410);
  assert.deepEqual(summary(await fromThere), ['ADDED c']);
});

test('sendInitialEvents begins with the present state and marks its end', async (t) => {
  const { server } = await serverOn(t);
  await createMap(server, 'a');
  await createMap(server, 'b');
  const query = 'watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan';
  const events = await take(server, `${configMaps}?${query}`, (list) => list.at(-1)?.type === 'BOOKMARK');
  assert.deepEqual(summary(events), ['ADDED a', 'ADDED b', 'BOOKMARK']);
  assert.equal(events.at(-1)?.object.metadata.annotations['k8s.io/initial-events-end'], 'true');
});

test('without the present state, version 0 begins with what comes from now on', async (t) => {
  const { server } = await serverOn(t);
  await createMap(server, 'a');
  await server.request('DELETE', `${configMaps}/a`);
  await createMap(server, 'b');
  // As far as the server has heard.
  await server.caughtUp();
  const query = 'watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=0';
  const events = take(server, `${configMaps}?${query}`, (list) => list.length > 0);
  // The watch has begun once it has seen one of these.
  const names: string[] = [];
  for (let isOver = false; !isOver;) {
    names.push(`later-${names.length}`);
    await createMap(server, names.at(-1) ?? '');
    isOver = await Promise.race([events.then(() => true), delay(50, false)]);
  }
  const [first] = summary(await events);
  assert.ok(names.map((name) => `ADDED ${name}`).includes(first ?? ''), first);
});

test('a watch from a version that is still to come waits for it, and shows what comes after it', async (t) => {
  const { server } = await serverOn(t);
  const now = Number(await createMap(server, 'a'));
  const ahead = now + 50;
  const events = take(server, `${configMaps}?watch=1&resourceVersion=${ahead}`, (list) => list.length === 2);
  // Longer than any other request waits for a version.
  assert.equal((await server.request('GET', `${configMaps}?resourceVersion=${ahead}`)).status, 504);
  const after: number[] = [];
  for (let i = 0; after.length < 2; i++) {
    const version = Number(await createMap(server, `later-${i}`));
    if (version > ahead) after.push(version);
  }
  const versions = (await events).map(({ type, object }) => {
    assert.equal(type, 'ADDED');
    return Number(object.metadata.resourceVersion);
  });
  assert.deepEqual(versions, after, `after ${ahead}`);
});

test('a watch that is to begin with a state that is still to come is told so in an event', async (t) => {
  const { server } = await serverOn(t);
  const query = 'watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan';
  const [event] = await take(server, `${configMaps}?${query}&resourceVersion=9999999`, () => true);
  assert.equal(event?.type, 'ERROR');
  assert.equal(event.object.code, 504);
  assert.match(event.object.message, /^Timeout: Too large resource version: 9999999, current: \d+$/);
  assert.equal(event.object.details.retryAfterSeconds, 1);
});

test('an object that begins or ceases to match a selector is added to and deleted from the watch', async (t) => {
  const { server } = await serverOn(t);
  const start = await createMap(server, 'a', { app: 'x' });
  const relabel = (value: string): Promise<unknown> =>
    server.request('PATCH', `${configMaps}/a`, JSON.stringify({ metadata: { labels: { app: value } } }), {
      headers: { 'content-type': 'application/merge-patch+json' },
    });
  const pending = take(
    server,
    `${configMaps}?watch=1&resourceVersion=${start}&labelSelector=app%3Dy`,
    (list) => list.length === 2,
  );
  await relabel('y');
  await relabel('z');
  const events = await pending;
  assert.deepEqual(summary(events), ['ADDED a', 'DELETED a']);
  // As it was when it was last selected, at the version that took it away.
  assert.deepEqual(events[1]?.object.metadata.labels, { app: 'y' });
  const now = (await server.request('GET', `${configMaps}/a`)).json;
  assert.equal(events[1]?.object.metadata.resourceVersion, now.metadata.resourceVersion);
});

test('pages of a list show one state, whatever is written between them', async (t) => {
  const { server } = await serverOn(t);
  for (const name of ['a', 'b', 'c']) await createMap(server, name);
  const first = (await server.request('GET', `${configMaps}?limit=2`)).json;
  await server.request('DELETE', `${configMaps}/c`);
  await createMap(server, 'd');
  const second = (await server.request('GET', `${configMaps}?limit=2&continue=${first.metadata.continue}`))
    .json;
  assert.deepEqual(
    [...first.items, ...second.items].map((item: { metadata: { name: string } }) => item.metadata.name),
    ['a', 'b', 'c'],
  );
  assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
});

test('a watcher that did not read for a while gets every change at once when it reads on, with nothing to push them', async (t) => {
  const { server } = await serverOn(t);
  const start = await createMap(server, 'a');
  // Bookmarks would wake a watch that had fallen asleep, every ten seconds.
  t.mock.timers.enable({ apis: ['setInterval'] });
  const stop = new AbortController();
  t.after(() => stop.abort());
  const events = server.watch(
    `${configMaps}?watch=1&allowWatchBookmarks=true&resourceVersion=${start}`,
    stop.signal,
  );
  const change = (value: number): Promise<unknown> =>
    server.request(
      'PATCH',
      `${configMaps}/a`,
      // More altogether than the windows of the stream and the connection and all buffers in between hold.
      JSON.stringify({ data: { text: `${value} ${'x'.repeat(64 * 1024)}` } }),
      { headers: { 'content-type': 'application/merge-patch+json' } },
    );
  const next = async (): Promise<string> => {
    const { value } = (await events.next()) as { value: WatchedEvent };
    return value.type === 'BOOKMARK' ? next() : (String(value.object.data.text).split(' ')[0] ?? '');
  };
  const first = next();
  await change(0);
  assert.equal(await first, '0');
  const changes = 120;
  for (let i = 1; i <= changes; i++) await change(i);
  const timer = setTimeout(() => stop.abort(), 60_000);
  const seen: string[] = [];
  for (let i = 1; i <= changes; i++) seen.push(await next());
  clearTimeout(timer);
  assert.deepEqual(
    seen,
    Array.from({ length: changes }, (_unused, i) => String(i + 1)),
  );
});

test("a watch of a node's pods shows those that come to it, change and go, and lists agree", async (t) => {
  const { server } = await serverOn(t);
  const pods = '/api/v1/namespaces/default/pods';
  const of = (node: string): string => `fieldSelector=spec.nodeName%3D${node}`;
  const ask = async (method: string, path: string, body?: object | string, type = 'application/json') => {
    const answer = await server.request(method, path, body, { headers: { 'content-type': type } });
    assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.json)}`);
    return answer.json;
  };
  const pod = (name: string, nodeName?: string): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { nodeName, automountServiceAccountToken: false, containers: [{ name: 'c', image: 'i' }] },
  });
  const listed = async (node: string): Promise<string[]> => {
    const { items } = (await ask('GET', `${pods}?${of(node)}`)) as {
      items: { metadata: { name: string } }[];
    };
    return items.map(({ metadata }) => metadata.name);
  };
  await ask('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  const { metadata } = await ask('POST', pods, pod('one', 'a'));
  // The last is deleted at the end, so that everything before it must have been seen.
  const until = (name: string) => (events: readonly WatchedEvent[]) =>
    events.some(({ type, object }) => type === 'DELETED' && object.metadata.name === name);
  const first = take(
    server,
    `${pods}?watch=1&${of('a')}&resourceVersion=${metadata.resourceVersion}`,
    until('two'),
  );
  const second = take(
    server,
    `${pods}?watch=1&${of('b')}&resourceVersion=${metadata.resourceVersion}`,
    until('last'),
  );
  await ask('POST', pods, pod('two'));
  assert.deepEqual(await listed('a'), ['one']);
  assert.deepEqual(await listed(''), ['two']);
  const binding = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'two' },
    target: { kind: 'Node', name: 'a' },
  };
  await ask('POST', `${pods}/two/binding`, binding);
  await ask('PATCH', `${pods}/one`, '{"metadata":{"labels":{"x":"y"}}}', 'application/merge-patch+json');
  await ask('POST', pods, pod('last', 'b'));
  assert.deepEqual(await listed('a'), ['one', 'two']);
  for (const name of ['two', 'last']) await ask('DELETE', `${pods}/${name}?gracePeriodSeconds=0`);
  assert.deepEqual(summary(await first), ['ADDED two', 'MODIFIED one', 'DELETED two']);
  assert.deepEqual(summary(await second), ['ADDED last', 'DELETED last']);
  assert.deepEqual(await listed('b'), []);
});
