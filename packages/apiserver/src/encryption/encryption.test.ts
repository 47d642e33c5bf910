/** Encryption at rest on a real etcd: what lies there, what a wrong key does, and that keys change without a restart. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { StoreClient } from '../storage/store-client.ts';
import { FakeOffice } from '../testing/fake-office.ts';
import { startApiServer, type TestServer, until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import { parseEncryptionConfiguration, providersFor } from './configuration.ts';
import { aesCbc, aesGcm } from './providers.ts';

const secrets = '/api/v1/namespaces/default/secrets';
const keyA = randomBytes(32).toString('base64');
const keyB = randomBytes(32).toString('base64');

function configuration(providers: string[], resources = 'secrets'): string {
  return `kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
- resources: [${resources}]
  providers:
${providers.map((provider) => `  - ${provider}`).join('\n')}
`;
}

function gcm(...keys: [string, string][]): string {
  const list = keys.map(([name, secret]) => `{name: ${name}, secret: "${secret}"}`);
  return `aesgcm: {keys: [${list.join(', ')}]}`;
}

async function metric(server: TestServer, name: string): Promise<number> {
  const found = await server.metrics.getSingleMetric(name)?.get();
  return found?.values.at(-1)?.value ?? Number.NaN;
}

test('a sealed value opens with its key at its place only, and tells a changed byte', () => {
  const secret = randomBytes(32);
  const value = Buffer.from('j1:-:{"metadata":{}}');
  const provider = aesGcm('a', secret);
  const sealed = provider.seal('/registry/secrets/default/x', value);
  assert.ok(sealed.toString('latin1').startsWith('k8s:enc:aesgcm:v1:a:'));
  assert.deepEqual(provider.open('/registry/secrets/default/x', sealed), value);
  assert.throws(() => provider.open('/registry/secrets/default/y', sealed), /authentication failed/);
  assert.throws(
    () => aesGcm('a', randomBytes(32)).open('/registry/secrets/default/x', sealed),
    /authentication failed/,
  );
  for (let at = provider.prefix.length; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.throws(() => provider.open('/registry/secrets/default/x', changed), /authentication failed/);
  }
  const cbc = aesCbc('b', secret);
  assert.deepEqual(cbc.open('', cbc.seal('', value)), value);
});

test('a configuration that makes no sense is refused with its field, and without its keys', () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['{', /YAML/],
    ['kind: Other', /kind: Required/],
    [configuration([gcm(['a', 'AAAA'])]), /resources\[0\]\.providers\[0\]\.aesgcm\.keys\[0\]\.secret.*got 3/],
    [configuration([gcm(['a', '!'])]), /base64/],
    [configuration([gcm(['a', keyA], ['a', keyB])]), /Duplicate value: "a"/],
    [configuration([gcm(['a:b', keyA])]), /colon/],
    [configuration(['kms: {name: x}']), /kms: provider is not supported/],
    [configuration([gcm(['a', keyA])], '"*"'), /resources\[0\]\.resources\[0\]/],
  ];
  for (const [text, expected] of table)
    assert.throws(
      () => parseEncryptionConfiguration(text),
      (error: Error) => {
        assert.match(error.message, expected);
        assert.ok(!error.message.includes(keyA));
        return true;
      },
    );
  const wild = parseEncryptionConfiguration(configuration([gcm(['a', keyA])], "'*.apps', '*.'"));
  assert.ok(providersFor(wild, { group: 'apps', resource: 'deployments' }));
  assert.ok(providersFor(wild, { group: '', resource: 'configmaps' }));
  assert.equal(providersFor(wild, { group: 'batch', resource: 'jobs' }), undefined);
});

test('secrets are no plain text in the store, keys change while it runs, and what no key opens is told and deleted', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-encryption-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'encryption.yaml');
  await writeFile(file, configuration([gcm(['a', keyA]), 'identity: {}']));
  const { endpoint } = await startEtcd(t);
  const raw = new StoreClient({ endpoints: [endpoint] });
  t.after(() => raw.close());
  const stored = async (name: string): Promise<Buffer> =>
    (await raw.range({ key: `/registry/secrets/default/${name}` })).kvs[0]?.value ?? Buffer.alloc(0);

  const server = await startApiServer(t, { endpoint, encryption: file });
  // Its copy of the store is hot all the time, and must open what the other one seals.
  const passiveOffice = new FakeOffice({
    role: 'passive',
    token: null,
    epoch: 1,
    revision: 1,
    leaseUntil: 0,
    active: null,
  });
  const passive = await startApiServer(t, {
    endpoint,
    encryption: file,
    office: passiveOffice,
    waitUntilReady: false,
  });
  await until(
    async () => (await server.request('GET', '/api/v1/namespaces/default')).status === 200,
    'the namespace is there',
  );
  const create = async (name: string): Promise<void> => {
    const answer = await server.request('POST', secrets, {
      metadata: { name },
      stringData: { p: `plain-${name}` },
    });
    assert.equal(answer.status, 201, answer.body.toString());
  };
  const valueOf = async (name: string): Promise<string> => {
    const { json } = await server.request('GET', `${secrets}/${name}`);
    return Buffer.from(String(json.data?.p), 'base64').toString();
  };
  await create('one');
  await create('two');
  const encoded = Buffer.from('plain-one').toString('base64');
  assert.ok((await stored('one')).toString('latin1').startsWith('k8s:enc:aesgcm:v1:a:'));
  assert.ok(!(await stored('one')).includes(encoded) && !(await stored('one')).includes('plain-one'));
  assert.equal(await valueOf('one'), 'plain-one');
  await until(
    async () => (await metric(passive, 'timonier_encryption_unreadable_objects')) === 0,
    'the passive one has looked',
  );

  // Rotation as an operator does it: the new key reads, then writes, then the old one goes.
  await writeFile(file, configuration([gcm(['b', keyB], ['a', keyA]), 'identity: {}']));
  await until(
    async () => (await stored('one')).toString('latin1').startsWith('k8s:enc:aesgcm:v1:b:'),
    'one is rewritten',
  );
  await until(
    async () => (await metric(server, 'timonier_encryption_stale_objects')) === 0,
    'all are rewritten',
  );
  await writeFile(file, configuration([gcm(['b', keyB]), 'identity: {}']));
  await create('three');
  assert.equal(await valueOf('one'), 'plain-one');
  await until(
    async () => (await metric(passive, 'timonier_encryption_unreadable_objects')) === 0,
    'the passive one opens what was sealed before it knew the key',
  );

  // A changed byte: the others are listed, this one is told, and can only be deleted by saying so.
  const broken = Buffer.from(await stored('two'));
  broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
  await raw.txn([], [{ requestPut: { key: '/registry/secrets/default/two', value: broken } }], []);
  await until(
    async () => (await server.request('GET', `${secrets}/two`)).status === 500,
    'two cannot be read',
  );
  const got = await server.request('GET', `${secrets}/two`);
  assert.match(
    got.json.message,
    /unable to transform key "\/registry\/secrets\/default\/two": message authentication failed/,
  );
  for (const query of ['', '?limit=500', '?resourceVersion=0']) {
    const list = await server.request('GET', `${secrets}${query}`);
    assert.equal(list.status, 200);
    assert.deepEqual(
      list.json.items.map((item: { metadata: { name: string } }) => item.metadata.name),
      ['one', 'three'],
    );
    assert.match(String(list.headers['warning']), /secrets\/default\/two/);
  }
  assert.equal((await server.request('PUT', `${secrets}/two`, { metadata: { name: 'two' } })).status, 500);
  assert.equal((await server.request('POST', secrets, { metadata: { name: 'two' } })).status, 500);
  assert.equal((await server.request('DELETE', `${secrets}/two`)).status, 500);
  const unsafe = 'ignoreStoreReadErrorWithClusterBreakingPotential=true';
  assert.equal((await server.request('DELETE', `${secrets}/one?${unsafe}`)).status, 422);
  const all = await server.request('DELETE', secrets);
  assert.equal(all.status, 500);
  assert.equal(all.json.reason, 'StorageReadError');
  assert.match(all.json.message, /^failed to read one or more secrets from the storage: delete each by name/);
  assert.equal(all.json.details.causes[0].field, '/registry/secrets/default/two');
  assert.equal((await server.request('GET', `${secrets}/one`)).status, 200, 'nothing was deleted');
  const refused = await server.request('DELETE', `${secrets}?${unsafe}`);
  assert.equal(refused.status, 422);
  assert.match(
    refused.json.message,
    /is not allowed with DELETECOLLECTION, try again after removing the option/,
  );
  assert.equal((await server.request('DELETE', `${secrets}/two?${unsafe}`)).status, 200);
  await until(async () => (await server.request('GET', `${secrets}/two`)).status === 404, 'two is gone');

  // A key that is lost hides its objects and gives them back; a file that makes no sense changes nothing.
  await writeFile(file, configuration([gcm(['c', keyA]), 'identity: {}']));
  const restarted = await startApiServer(t, { endpoint, encryption: file });
  assert.equal((await restarted.request('GET', `${secrets}/one`)).status, 500);
  assert.deepEqual((await restarted.request('GET', secrets)).json.items, []);
  await writeFile(file, 'nonsense');
  await until(
    async () => /status="failure"\} 1/.test(await restarted.metrics.metrics()),
    'the change is refused',
  );
  assert.equal((await restarted.request('GET', `${secrets}/one`)).status, 500);
  await writeFile(file, configuration([gcm(['b', keyB]), 'identity: {}']));
  await until(
    async () => (await restarted.request('GET', `${secrets}/one`)).status === 200,
    'one can be read again',
  );
  // Without encryption at all: a sealed value is never served as something else.
  const none = await startApiServer(t, { endpoint });
  assert.equal((await none.request('GET', `${secrets}/one`)).status, 500);
});
