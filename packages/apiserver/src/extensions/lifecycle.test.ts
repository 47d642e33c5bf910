import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startApiServer, type TestServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const gadgets = '/apis/example.com/v1/namespaces/default/gadgets';

interface DefinitionOptions {
  readonly plural?: string;
  readonly kind?: string;
  readonly shortNames?: readonly string[];
  readonly properties?: object;
}

function definition({
  plural = 'gadgets',
  kind = 'Gadget',
  shortNames = [],
  properties = {},
}: DefinitionOptions = {}): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural, kind, shortNames },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } },
          },
        },
      ],
    },
  };
}

const gadget = (name: string, more: object = {}): object => ({
  apiVersion: 'example.com/v1',
  kind: 'Gadget',
  metadata: { name, ...more },
  spec: {},
});

async function define(server: TestServer, options?: DefinitionOptions): Promise<void> {
  const created = await server.request('POST', definitions, definition(options));
  assert.equal(created.status, 201, created.body.toString());
  await until(
    async () => (await condition(server, options?.plural ?? 'gadgets', 'Established'))?.status === 'True',
    'the definition is established',
  );
}

async function condition(
  server: TestServer,
  plural: string,
  type: string,
): Promise<{ status: string; reason: string; message: string } | undefined> {
  const { json } = await server.request('GET', `${definitions}/${plural}.example.com`);
  return (json.status?.conditions ?? []).find((one: { type: string }) => one.type === type);
}

async function serverFor(t: TestContext): Promise<TestServer> {
  const { endpoint } = await startEtcd(t);
  return startApiServer(t, { endpoint });
}

test('every process serves a kind from the moment it is seen to be established, also after a restart', async (t) => {
  const { endpoint } = await startEtcd(t);
  const first = await startApiServer(t, { endpoint });
  const second = await startApiServer(t, { endpoint });
  for (let i = 0; i < 5; i++) {
    const plural = `things${i}`;
    await define(first, { plural, kind: `Thing${i}` });
    // No waiting: who was told that it is established may rely on it everywhere.
    const listed = await second.request('GET', `/apis/example.com/v1/${plural}`);
    assert.equal(listed.status, 200, `${plural}: ${listed.body.toString()}`);
    const discovered = await second.request('GET', '/apis/example.com/v1');
    assert.ok(discovered.json.resources.some(({ name }: { name: string }) => name === plural));
  }
  const thing = { apiVersion: 'example.com/v1', kind: 'Thing0', metadata: { name: 'kept' } };
  await first.request('POST', '/apis/example.com/v1/namespaces/default/things0', thing);
  await first.stop();
  const third = await startApiServer(t, { endpoint });
  const read = await third.request('GET', '/apis/example.com/v1/namespaces/default/things0/kept');
  assert.equal(read.status, 200, read.body.toString());
});

test('a definition goes after the last of its resources, refuses new ones meanwhile, and ends its watches', async (t) => {
  const server = await serverFor(t);
  await define(server);
  await server.request('POST', gadgets, gadget('free'));
  await server.request('POST', gadgets, gadget('held', { finalizers: ['example.com/hold'] }));
  const stop = new AbortController();
  t.after(() => stop.abort());
  const seen: string[] = [];
  const watched = (async () => {
    for await (const { type, object } of server.watch(`${gadgets}?watch=1&resourceVersion=0`, stop.signal))
      seen.push(`${type} ${object.metadata.name}`);
  })();
  const deleted = await server.request('DELETE', `${definitions}/gadgets.example.com`);
  assert.equal(deleted.status, 200);
  await until(
    async () => (await server.request('GET', `${gadgets}/free`)).status === 404,
    'the free one is gone',
  );
  const held = await server.request('GET', `${gadgets}/held`);
  assert.notEqual(held.json.metadata.deletionTimestamp, undefined);
  assert.equal((await condition(server, 'gadgets', 'Terminating'))?.status, 'True');
  const refused = await server.request('POST', gadgets, gadget('new'));
  assert.equal(refused.status, 405);
  assert.match(refused.json.message, /create not allowed while custom resource definition is terminating/);
  const patch = { headers: { 'content-type': 'application/merge-patch+json' } };
  await server.request('PATCH', `${gadgets}/held`, '{"metadata":{"finalizers":[]}}', patch);
  await until(
    async () => (await server.request('GET', `${definitions}/gadgets.example.com`)).status === 404,
    'the definition is gone',
  );
  assert.equal((await server.request('GET', gadgets)).status, 404);
  await watched;
  assert.ok(seen.includes('DELETED free') && seen.includes('DELETED held'), seen.join());
  await define(server);
  assert.deepEqual((await server.request('GET', gadgets)).json.items, [], 'a new definition begins empty');
});

test('a definition whose names are taken is not served until they are free', async (t) => {
  const server = await serverFor(t);
  await define(server, { shortNames: ['g'] });
  await server.request(
    'POST',
    definitions,
    definition({ plural: 'gizmos', kind: 'Gizmo', shortNames: ['g'] }),
  );
  await until(
    async () => (await condition(server, 'gizmos', 'NamesAccepted'))?.status === 'False',
    'the conflict is seen',
  );
  const conflict = await condition(server, 'gizmos', 'NamesAccepted');
  assert.equal(conflict?.reason, 'ShortNamesConflict');
  assert.equal(conflict?.message, '"g" is already in use');
  assert.equal((await server.request('GET', '/apis/example.com/v1/gizmos')).status, 404);
  await server.request('DELETE', `${definitions}/gadgets.example.com`);
  await until(
    async () => (await server.request('GET', '/apis/example.com/v1/gizmos')).status === 200,
    'the names are free',
  );
});

test('a name that a definition gives up is free for another one', async (t) => {
  const server = await serverFor(t);
  await define(server, { shortNames: ['g'] });
  const second = definition({ plural: 'gizmos', kind: 'Gizmo', shortNames: ['g'] });
  await server.request('POST', definitions, second);
  await until(
    async () => (await condition(server, 'gizmos', 'NamesAccepted'))?.status === 'False',
    'the conflict is seen',
  );
  const patch = { headers: { 'content-type': 'application/merge-patch+json' } };
  const given = '{"spec":{"names":{"shortNames":null}}}';
  await server.request('PATCH', `${definitions}/gadgets.example.com`, given, patch);
  await until(
    async () => (await condition(server, 'gizmos', 'Established'))?.status === 'True',
    'the name went to the second one',
  );
});

test('what is stored takes on the defaults and loses the fields of a changed schema when it is read', async (t) => {
  const server = await serverFor(t);
  await define(server, { properties: { a: { type: 'string' }, b: { type: 'string' } } });
  await server.request('POST', gadgets, { ...gadget('x'), spec: { a: '1', b: '2' } });
  const current = await server.request('GET', `${definitions}/gadgets.example.com`);
  const properties = { a: { type: 'string' }, c: { type: 'integer', default: 7 } };
  const changed = definition({ properties }) as { metadata: object };
  const updated = await server.request('PUT', `${definitions}/gadgets.example.com`, {
    ...changed,
    metadata: { ...changed.metadata, resourceVersion: current.json.metadata.resourceVersion },
  });
  assert.equal(updated.status, 200, updated.body.toString());
  await until(async () => {
    const { json } = await server.request('GET', `${gadgets}/x`);
    return JSON.stringify(json.spec) === '{"a":"1","c":7}';
  }, 'the new schema counts');
  assert.deepEqual((await server.request('GET', gadgets)).json.items[0].spec, { a: '1', c: 7 });
});

test('two kinds of one group are both published, and neither as protobuf', async (t) => {
  const server = await serverFor(t);
  await define(server, { properties: { a: { type: 'string', oneOf: [{ minLength: 1 }] } } });
  await define(server, { plural: 'gizmos', kind: 'Gizmo' });
  const v3 = await server.request('GET', '/openapi/v3/apis/example.com/v1');
  for (const kind of ['Gadget', 'Gizmo']) {
    const published = v3.json.components.schemas[`com.example.v1.${kind}`];
    assert.deepEqual(published['x-kubernetes-group-version-kind'], [
      { group: 'example.com', version: 'v1', kind },
    ]);
  }
  const v2 = await server.request('GET', '/openapi/v2');
  const { a } = v2.json.definitions['com.example.v1.Gadget'].properties.spec.properties;
  assert.deepEqual(a, { type: 'string' }, 'Swagger knows no alternatives');
  const protobuf = 'application/vnd.kubernetes.protobuf';
  await server.request('POST', gadgets, gadget('x'));
  const only = await server.request('GET', `${gadgets}/x`, undefined, { headers: { accept: protobuf } });
  assert.equal(only.status, 406);
  const either = await server.request('GET', `${gadgets}/x`, undefined, {
    headers: { accept: `${protobuf},application/json` },
  });
  assert.equal(either.json.kind, 'Gadget');
  const strategic = { headers: { 'content-type': 'application/strategic-merge-patch+json' } };
  assert.equal((await server.request('PATCH', `${gadgets}/x`, '{}', strategic)).status, 415);
});

test('rules of the schema are asked on the way of every write', async (t) => {
  const server = await serverFor(t);
  const rule = { rule: 'self >= oldSelf', message: 'must not shrink' };
  await define(server, { properties: { n: { type: 'integer', 'x-kubernetes-validations': [rule] } } });
  await server.request('POST', gadgets, { ...gadget('x'), spec: { n: 5 } });
  const patch = { headers: { 'content-type': 'application/merge-patch+json' } };
  const grown = await server.request('PATCH', `${gadgets}/x`, '{"spec":{"n":6}}', patch);
  assert.equal(grown.status, 200);
  const shrunk = await server.request('PATCH', `${gadgets}/x`, '{"spec":{"n":4}}', patch);
  assert.equal(shrunk.status, 422);
  assert.equal(
    shrunk.json.message,
    'Gadget.example.com "x" is invalid: spec.n: Invalid value: 4: must not shrink',
  );
  const bad = definition({
    plural: 'bads',
    kind: 'Bad',
    properties: { n: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self > "a"' }] } },
  });
  const refused = await server.request('POST', definitions, bad);
  assert.equal(refused.status, 422);
  assert.match(
    refused.json.message,
    /x-kubernetes-validations\[0\]\.rule: Invalid value: \{"Rule":"self > \\"a\\"",.*\}: compilation failed: ERROR: <input>:1:6: found no matching overload for '_>_' applied to '\(int, string\)'/,
  );
});
