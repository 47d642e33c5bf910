import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { StoreClient } from '../storage/store-client.ts';
import { startApiServer, type TestServer } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';

async function serverWith(t: TestContext, count: number): Promise<{ server: TestServer; endpoint: string }> {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  for (let i = 0; i < count; i++) {
    const object = { metadata: { name: `m${i}`, labels: { parity: i % 2 === 0 ? 'even' : 'odd' } } };
    assert.equal((await server.request('POST', configMaps, object)).status, 201);
  }
  return { server, endpoint };
}

interface Listed {
  metadata: { continue?: string; remainingItemCount?: number; resourceVersion: string };
  items: { metadata: { name: string } }[];
}

test('a page says how many are left, but not when a selector makes that unknown', async (t) => {
  const { server } = await serverWith(t, 5);
  const page = async (query: string): Promise<Listed> =>
    (await server.request('GET', `${configMaps}?${query}`)).json as Listed;
  const first = await page('limit=2');
  const total = first.items.length + (first.metadata.remainingItemCount ?? 0);
  assert.ok(total >= 5);
  const second = await page(`limit=2&continue=${first.metadata.continue}`);
  assert.equal(second.metadata.remainingItemCount, total - 4);
  assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
  await server.request('POST', configMaps, { metadata: { name: 'zz-later' } });
  const third = await page(`limit=2&continue=${first.metadata.continue}`);
  assert.equal(third.metadata.remainingItemCount, total - 4, 'the state of the first page counts');
  const some = await page('limit=1&labelSelector=parity%3Deven');
  assert.ok(some.metadata.continue);
  assert.equal(some.metadata.remainingItemCount, undefined);
  const whole = await page('limit=100');
  assert.equal(whole.metadata.continue, undefined);
  assert.equal(whole.metadata.remainingItemCount, undefined);
});

test('a token of a forgotten state is answered with 410 and a token that goes on in the present', async (t) => {
  const { server, endpoint } = await serverWith(t, 4);
  const first = (await server.request('GET', `${configMaps}?limit=2`)).json as Listed;
  await server.request('DELETE', `${configMaps}/m3`);
  await server.request('POST', configMaps, { metadata: { name: 'zz-later' } });
  const store = new StoreClient({ endpoints: [endpoint] });
  t.after(() => store.close());
  const { header } = await store.range({ key: 'x' });
  await store.compact(header?.revision ?? 0);
  await server.caughtUp();
  const old = await server.request('GET', `${configMaps}?limit=2&continue=${first.metadata.continue}`);
  assert.equal(old.status, 410);
  assert.equal(old.json.reason, 'Expired');
  const fresh = old.json.metadata.continue as string;
  const rest = (await server.request('GET', `${configMaps}?continue=${fresh}`)).json as Listed;
  const names = [...first.items, ...rest.items].map(({ metadata }) => metadata.name);
  assert.ok(names.includes('zz-later'));
  assert.ok(!names.includes('m3'));
  assert.ok(Number(rest.metadata.resourceVersion) > Number(first.metadata.resourceVersion));
});

test('a list of few and large objects is made while it is sent, as one of many', async (t) => {
  const { server } = await serverWith(t, 0);
  for (const name of ['a', 'b'])
    await server.request('POST', configMaps, { metadata: { name }, data: { a: name.repeat(400_000) } });
  const plain = await server.request('GET', configMaps);
  assert.equal(plain.headers['content-length'], undefined);
  const names = (plain.json as Listed).items.map(({ metadata }) => metadata.name);
  assert.ok(names.includes('a') && names.includes('b'));
});

const refused: readonly (readonly [query: string, message: RegExp])[] = [
  ['resourceVersionMatch=Exact', /resourceVersionMatch is forbidden unless resourceVersion is provided/],
  [
    'resourceVersionMatch=Exact&resourceVersion=0',
    /resourceVersionMatch "exact" is forbidden for resourceVersion "0"/,
  ],
  ['resourceVersionMatch=Sometimes&resourceVersion=1', /Unsupported value: "Sometimes"/],
  ['sendInitialEvents=true', /sendInitialEvents is forbidden for list/],
  [
    'watch=1&resourceVersionMatch=NotOlderThan',
    /resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided/,
  ],
  [
    'watch=1&sendInitialEvents=true&allowWatchBookmarks=true',
    /sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/,
  ],
  [
    'watch=1&sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=5',
    /Unsupported value: "Exact": supported values: "NotOlderThan"/,
  ],
];

test('options that contradict each other are refused as invalid, in the words clients know', async (t) => {
  const { server } = await serverWith(t, 0);
  for (const [query, message] of refused) {
    const { status, json } = await server.request('GET', `${configMaps}?${query}`);
    assert.equal(status, 422, query);
    assert.equal(json.reason, 'Invalid');
    assert.match(json.message, /^ListOptions.meta.k8s.io "" is invalid: /);
    assert.match(json.message, message);
  }
  const both = await server.request('GET', `${configMaps}?resourceVersion=5&continue=abc`);
  assert.equal(both.status, 400);
});

test('whatever is at hand comes whole, and pages of a version are pages of that version', async (t) => {
  const { server } = await serverWith(t, 3);
  const list = async (query: string): Promise<Listed> =>
    (await server.request('GET', `${configMaps}?labelSelector=parity&${query}`)).json as Listed;
  const names = ({ items }: Listed): string[] => items.map(({ metadata }) => metadata.name);
  const before = await list('');
  await server.request('DELETE', `${configMaps}/m0`);
  assert.deepEqual(names(await list('limit=1&resourceVersion=0')).slice(-2), ['m1', 'm2']);
  const { resourceVersion } = before.metadata;
  assert.deepEqual(names(await list(`limit=2&resourceVersion=${resourceVersion}`)), ['m0', 'm1']);
  assert.deepEqual(names(await list(`limit=1&resourceVersion=${resourceVersion}`)), ['m0']);
});

test('a watch takes no token, and one without the state begins now', async (t) => {
  const { server } = await serverWith(t, 1);
  for (const query of ['continue=x', 'continue=x&sendInitialEvents=true&resourceVersionMatch=NotOlderThan']) {
    const { status, json } = await server.request('GET', `${configMaps}?watch=1&${query}`);
    assert.equal(status, 422);
    assert.match(json.message, /: Forbidden: resourceVersionMatch is forbidden when continue is provided$/);
  }
  // From now on, as far as the server has heard.
  await server.caughtUp();
  const query = 'watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=0';
  const { status, body } = await server.request('GET', `${configMaps}?${query}&timeoutSeconds=1`);
  assert.deepEqual([status, body.toString()], [200, '']);
});

test('a list of an exact version shows that version, and a resource version that is no number is no conflict', async (t) => {
  const { server } = await serverWith(t, 2);
  const before = (await server.request('GET', configMaps)).json as Listed;
  await server.request('DELETE', `${configMaps}/m0`);
  const version = before.metadata.resourceVersion;
  const exact = (
    await server.request('GET', `${configMaps}?resourceVersion=${version}&resourceVersionMatch=Exact`)
  ).json as Listed;
  assert.deepEqual(exact.items, before.items);
  assert.equal(exact.metadata.resourceVersion, version);
  const object = (await server.request('GET', `${configMaps}/m1`)).json;
  const wrong = { ...object, metadata: { ...object.metadata, resourceVersion: 'abc' } };
  const answer = await server.request('PUT', `${configMaps}/m1`, wrong);
  assert.equal(answer.status, 422);
  assert.match(answer.json.message, /metadata.resourceVersion: Invalid value: "abc"/);
});
