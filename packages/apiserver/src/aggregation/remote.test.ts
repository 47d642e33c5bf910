import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createAuthority, createCertificate } from '@timonier/pki';
import type { ServerState } from '../server-state.ts';
import { encodeOpenApiV2 } from '../http/openapi-protobuf.ts';
import { toStored, fromStored } from '../storage/stored-object.ts';
import { withRemoteDiscovery, withRemoteGroups, withRemotePaths, withRemoteSwagger } from './discovery.ts';
import { RemoteServer } from './remote.ts';

/** A server of the group `g.io` that says these things of itself, each as the text of its answer. */
async function remoteThat(
  t: TestContext,
  says: Readonly<Record<string, string>>,
  onOther: (response: ServerResponse) => unknown = (response) => response.writeHead(404).end(),
): Promise<RemoteServer> {
  const spec = { commonName: 'extension', usages: ['server' as const], validDays: 1 };
  const { certificate, key } = createCertificate(spec, createAuthority('authority', 1));
  const program = createServer({ cert: certificate, key }, (request, response) => {
    const answer = says[request.url ?? ''];
    if (answer === undefined) onOther(response);
    else response.writeHead(200).end(answer);
  });
  await once(program.listen(0, '127.0.0.1'), 'listening');
  const { port } = program.address() as AddressInfo;
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's', namespace: 'ns' },
    spec: { clusterIP: '127.0.0.1', ports: [{ port }] },
  };
  const stored = fromStored('key', toStored(object), 1, 1);
  const index = { get: () => stored, getRange: () => [] };
  const server = {
    root: '/registry/',
    registry: { lookup: () => ({ storagePrefix: 'services/specs' }) },
    cache: { resource: () => ({ index }) },
  } as unknown as ServerState;
  const service = { namespace: 'ns', name: 's', port };
  const remote = new RemoteServer(
    server,
    { spec: { group: 'g.io', version: 'v1', service, insecureSkipTLSVerify: true } } as never,
    {},
  );
  t.after(() => {
    remote.close();
    program.close();
    program.closeAllConnections();
  });
  remote.verdict = await remote.check(new AbortController().signal);
  assert.equal(remote.verdict.available, true, JSON.stringify(remote.verdict));
  await remote.learn(new AbortController().signal);
  return remote;
}

const list = (...resources: unknown[]): Record<string, string> => ({
  '/apis/g.io/v1': JSON.stringify({ kind: 'APIResourceList', groupVersion: 'g.io/v1', resources }),
});
const empty = {
  kind: 'APIGroupDiscoveryList',
  apiVersion: 'apidiscovery.k8s.io/v2',
  metadata: {},
  items: [],
};
const discovered = (remote: RemoteServer) =>
  withRemoteDiscovery(empty as never, [remote]).items[0]?.versions[0];

test('what a secondary server says wrong of what it serves is left out, and nothing else', async (t) => {
  const widgets = { name: 'widgets', kind: 'Widget', namespaced: true, singularName: 'widget' };
  const remote = await remoteThat(
    t,
    list(
      null,
      {},
      [],
      7,
      { name: 5, kind: 'X', verbs: ['get'] },
      { ...widgets, verbs: null, shortNames: 'w', categories: [1, 'all'] },
      { name: 'widgets/status', kind: 'Widget', verbs: { get: 1 } },
      { name: 'things', kind: 'Thing', verbs: ['get', null, 'list'] },
    ),
  );
  const about = (kind: string): object => ({ group: 'g.io', version: 'v1', kind });
  assert.deepEqual(discovered(remote), {
    version: 'v1',
    freshness: 'Current',
    resources: [
      {
        resource: 'widgets',
        responseKind: about('Widget'),
        scope: 'Namespaced',
        singularResource: 'widget',
        verbs: [],
        categories: ['all'],
        subresources: [{ subresource: 'status', responseKind: about('Widget'), verbs: [] }],
      },
      {
        resource: 'things',
        responseKind: about('Thing'),
        scope: 'Cluster',
        singularResource: '',
        verbs: ['get', 'list'],
      },
    ],
  });
  assert.deepEqual(
    withRemoteGroups([], [remote]).map(({ name }) => name),
    ['g.io'],
  );
});

test('a secondary server that does not say what it serves is stale', async (t) => {
  for (const answer of ['null', '[]', '{"resources":null}', '{"resources":{"length":1e9}}'])
    assert.deepEqual(discovered(await remoteThat(t, { '/apis/g.io/v1': answer })), {
      version: 'v1',
      freshness: 'Stale',
      resources: [],
    });
});

test('of OpenAPI v3 a secondary server adds its own place, and no other address', async (t) => {
  const paths = async (given: string): Promise<object> => {
    const remote = await remoteThat(t, { ...list(), '/openapi/v3': given });
    return withRemotePaths({ paths: {} }, [remote]).paths;
  };
  const place = (serverRelativeURL: unknown): string =>
    JSON.stringify({ paths: { 'apis/g.io/v1': { serverRelativeURL }, 'api/v1': { serverRelativeURL } } });
  const url = '/openapi/v3/apis/g.io/v1?hash=a';
  assert.deepEqual(await paths(place(url)), { 'apis/g.io/v1': { serverRelativeURL: url } });
  for (const wrong of [5, {}, '/api/v1/secrets', `${url}${'a'.repeat(10_000)}`])
    assert.deepEqual(await paths(place(wrong)), {});
  for (const wrong of ['null', '{"paths":null}', '{"paths":{"apis/g.io/v1":null}}'])
    assert.deepEqual(await paths(wrong), {});
});

test('OpenAPI v2 can be written in every form whatever a secondary server says', async (t) => {
  const written = async (given: string): Promise<Record<string, unknown>> => {
    const remote = await remoteThat(t, { ...list(), '/openapi/v2': given });
    const document = withRemoteSwagger({ swagger: '2.0', paths: {}, definitions: {} }, [remote]);
    assert.ok(encodeOpenApiV2(document).length > 0);
    return JSON.parse(JSON.stringify(document)) as Record<string, unknown>;
  };
  const paths = {
    '/apis/g.io/v1/widgets': { get: null },
    '/apis/g.io/v1/things': null,
    '/apis/other.io/v1/widgets': {},
  };
  const definitions = { 'g.Widget': { items: 7, required: [null], allOf: [1] }, 'g.Thing': null };
  const document = await written(JSON.stringify({ paths, definitions }));
  assert.deepEqual(document['paths'], { '/apis/g.io/v1/widgets': { get: null } });
  assert.deepEqual(document['definitions'], { 'g.Widget': definitions['g.Widget'] });
  const deep = `{"definitions":{"a":${'{"items":'.repeat(200_000)}1${'}'.repeat(200_000)}}}`;
  for (const wrong of ['null', '[]', '{"paths":[1],"definitions":"x"}', deep])
    assert.deepEqual((await written(wrong))['definitions'], {});
});

test('however many watches there are over a secondary server, the next request reaches it', async (t) => {
  const held: ServerResponse[] = [];
  const last = Promise.withResolvers<void>();
  const remote = await remoteThat(t, { ...list(), '/openapi/v3': '{}', '/openapi/v2': '{}' }, (response) => {
    held.push(response);
    if (held.length === 300) last.resolve();
  });
  for (let i = 0; i < 300; i++) {
    const watch = request({ ...remote.target(), path: '/watch' });
    watch.on('error', () => undefined);
    watch.end();
  }
  await Promise.race([last.promise, once(AbortSignal.timeout(60_000), 'abort')]);
  assert.equal(held.length, 300);
});
