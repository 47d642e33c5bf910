/** Encryption at rest of kinds that a server does not know yet when it loads the store, or does not serve, on a real etcd. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { StoreClient } from '../storage/store-client.ts';
import { startApiServer, type TestServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const gadgets = '/apis/example.com/v1/namespaces/default/gadgets';

const definition = {
  metadata: { name: 'gadgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'gadgets', kind: 'Gadget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { type: 'object', properties: { color: { type: 'string' } } },
        },
      },
    ],
  },
};

const secrets = { a: randomBytes(32).toString('base64'), b: randomBytes(32).toString('base64') };

function configuration(...names: ('a' | 'b')[]): string {
  return `kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
- resources: ['*.example.com']
  providers:
  - aesgcm: {keys: [${names.map((name) => `{name: ${name}, secret: "${secrets[name]}"}`).join(', ')}]}
`;
}

const gadget = (name: string, metadata: object = {}): object => ({
  apiVersion: 'example.com/v1',
  kind: 'Gadget',
  metadata: { name, ...metadata },
  color: 'vermilion',
});

const keyOf = (name: string): string => `/registry/example.com/gadgets/default/${name}`;

interface Started {
  readonly server: TestServer;
  readonly endpoint: string;
  readonly file: string;
  /** How a gadget lies in the store; empty when it does not. */
  readonly lying: (name: string) => Promise<string>;
  readonly raw: StoreClient;
}

/** A server that seals with the key a and serves gadgets. */
async function started(t: TestContext): Promise<Started> {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-encryption-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'encryption.yaml');
  await writeFile(file, configuration('a'));
  const { endpoint } = await startEtcd(t);
  const raw = new StoreClient({ endpoints: [endpoint] });
  t.after(() => raw.close());
  const server = await startApiServer(t, { endpoint, encryption: file });
  await until(
    async () => (await server.request('GET', '/api/v1/namespaces/default')).status === 200,
    'the namespace is there',
  );
  assert.equal((await server.request('POST', definitions, definition)).status, 201);
  await until(() => isServed(server), 'the kind is served');
  const lying = async (name: string): Promise<string> =>
    (await raw.range({ key: keyOf(name) })).kvs[0]?.value.toString('latin1') ?? '';
  return { server, endpoint, file, lying, raw };
}

/** Serves gadgets or no more. */
async function serve(server: TestServer, served: boolean): Promise<void> {
  const versions = definition.spec.versions.map((version) => ({ ...version, served }));
  const patched = await server.request(
    'PATCH',
    `${definitions}/gadgets.example.com`,
    { spec: { versions } },
    { headers: { 'content-type': 'application/merge-patch+json' } },
  );
  assert.equal(patched.status, 200, patched.body.toString());
  await until(async () => (await isServed(server)) === served, `served: ${served}`);
}

async function metric(server: TestServer, name: string): Promise<number> {
  const found = await server.metrics.getSingleMetric(name)?.get();
  return found?.values[0]?.value ?? Number.NaN;
}

async function isServed(server: TestServer): Promise<boolean> {
  return (await server.request('GET', gadgets)).status === 200;
}

test('custom resources are read again by a server that learns of their kind only after it has loaded them', async (t) => {
  const { server, endpoint, file, lying, raw } = await started(t);
  assert.equal((await server.request('POST', gadgets, gadget('one'))).status, 201);
  assert.ok((await lying('one')).startsWith('k8s:enc:aesgcm:v1:a:'));
  await server.stop();

  const next = await startApiServer(t, { endpoint, encryption: file, pki: server.pki });
  await until(() => isServed(next), 'the kind is served again');
  const list = await next.request('GET', gadgets);
  assert.equal(list.headers['warning'], undefined);
  assert.deepEqual(
    list.json.items.map(({ color }: { color: string }) => color),
    ['vermilion'],
  );
  assert.equal((await next.request('GET', `${gadgets}/one`)).status, 200);
  // What is no object that was sealed here is not taken for one, whenever it was put there.
  const plain = Buffer.from(`j1:-:${JSON.stringify(gadget('two', { namespace: 'default' }))}`);
  const put = (name: string): Promise<unknown> =>
    raw.txn([], [{ requestPut: { key: keyOf(name), value: plain } }], []);
  await put('two');
  await until(async () => (await next.request('GET', `${gadgets}/two`)).status === 500, 'two is refused');
  await next.stop();
  await put('three');
  const last = await startApiServer(t, { endpoint, encryption: file, pki: server.pki });
  await until(() => isServed(last), 'the kind is served once more');
  for (const name of ['two', 'three']) {
    const refused = await last.request('GET', `${gadgets}/${name}`);
    assert.equal(refused.status, 500);
    assert.match(refused.json.message, /the value is not encrypted/);
  }
  assert.equal((await last.request('GET', `${gadgets}/one`)).status, 200);
});

test('a definition none of whose versions is served goes with its encrypted objects, and shows none of them', async (t) => {
  const { server, endpoint, file, lying, raw } = await started(t);
  const held = gadget('held', { finalizers: ['example.com/hold'] });
  for (const body of [gadget('free'), held])
    assert.equal((await server.request('POST', gadgets, body)).status, 201);
  await serve(server, false);
  await server.stop();
  const before = await lying('held');

  const next = await startApiServer(t, { endpoint, encryption: file, pki: server.pki });
  const path = `${definitions}/gadgets.example.com`;
  await until(async () => (await next.request('DELETE', path)).status === 200, 'the definition is deleted');
  await until(async () => (await lying('free')) === '', 'what nobody holds is gone');
  await until(async () => (await lying('held')) !== before, 'what is held is marked');
  assert.ok((await lying('held')).startsWith('k8s:enc:aesgcm:v1:a:'));
  await raw.txn([], [{ requestDeleteRange: { key: keyOf('held') } }], []);
  await until(async () => (await next.request('GET', path)).status === 404, 'the definition is gone');
});

test('what is of a kind that is not served is sealed anew, too, and counted where no key opens it', async (t) => {
  const { server, endpoint, file, lying } = await started(t);
  assert.equal((await server.request('POST', gadgets, gadget('one'))).status, 201);
  await serve(server, false);
  await server.stop();

  await writeFile(file, configuration('b', 'a'));
  const next = await startApiServer(t, { endpoint, encryption: file, pki: server.pki });
  await until(async () => (await metric(next, 'timonier_encryption_stale_objects')) === 0, 'none is stale');
  assert.ok((await lying('one')).startsWith('k8s:enc:aesgcm:v1:b:'));
  await next.stop();

  await writeFile(file, configuration('a'));
  const last = await startApiServer(t, { endpoint, encryption: file, pki: server.pki });
  const unreadable = (): Promise<number> => metric(last, 'timonier_encryption_unreadable_objects');
  await until(async () => (await unreadable()) > 0, 'it cannot be read');
  await writeFile(file, configuration('a', 'b'));
  await until(async () => (await unreadable()) === 0, 'it can be read');
  await serve(last, true);
  assert.equal((await last.request('GET', `${gadgets}/one`)).json.color, 'vermilion');
});
