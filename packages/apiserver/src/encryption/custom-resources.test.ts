/** Encryption at rest of kinds that a server does not know yet when it loads the store, on a real etcd. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
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

const configuration = `kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
- resources: ['*.*']
  providers:
  - aesgcm: {keys: [{name: a, secret: "${randomBytes(32).toString('base64')}"}]}
`;

async function isServed(server: TestServer): Promise<boolean> {
  return (await server.request('GET', gadgets)).status === 200;
}

test('custom resources are read again by a server that learns of their kind only after it has loaded them', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-encryption-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'encryption.yaml');
  await writeFile(file, configuration);
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
  const body = {
    apiVersion: 'example.com/v1',
    kind: 'Gadget',
    metadata: { name: 'one' },
    color: 'vermilion',
  };
  assert.equal((await server.request('POST', gadgets, body)).status, 201);
  const key = '/registry/example.com/gadgets/default/one';
  const lying = (await raw.range({ key })).kvs[0]?.value ?? Buffer.alloc(0);
  assert.ok(lying.toString('latin1').startsWith('k8s:enc:aesgcm:v1:a:'));
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
  const plain = Buffer.from(
    `j1:-:${JSON.stringify({ ...body, metadata: { name: 'two', namespace: 'default' } })}`,
  );
  const put = (name: string): Promise<unknown> =>
    raw.txn([], [{ requestPut: { key: `/registry/example.com/gadgets/default/${name}`, value: plain } }], []);
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
