/** The rotation of `timonier encryption rotate` on real API servers, one of them passive, over a real etcd. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { newEncryptionConfiguration, rotationStateOf, withNewKey } from '@timonier/pki';
import { FakeOffice } from '../../packages/apiserver/src/testing/fake-office.ts';
import { startApiServer, type TestServer, until } from '../../packages/apiserver/src/testing/harness.ts';
import { startEtcd } from '../../packages/apiserver/src/testing/real-etcd.ts';
import { StoreClient } from '../../packages/apiserver/src/storage/store-client.ts';
import {
  rotateEncryption,
  type RotationOptions,
} from '../../packages/cli/src/cluster/encryption-rotation.ts';

const secrets = '/api/v1/namespaces/default/secrets';
const count = 20;

test('a rotation leaves nothing sealed with the old key, goes on where it was interrupted, and loses no secret', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-rotation-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const source = join(directory, 'encryption.yaml');
  await writeFile(source, newEncryptionConfiguration());
  const { endpoint } = await startEtcd(t);
  const raw = new StoreClient({ endpoints: [endpoint] });
  t.after(() => raw.close());
  const running = new Map<string, TestServer>();
  const masters: { name: string; address: string; file: string }[] = [];
  for (const name of ['master-1', 'master-2']) {
    const file = join(directory, `${name}.yaml`);
    await copyFile(source, file);
    const isPassive = name === 'master-2';
    const state = {
      role: 'passive',
      token: null,
      epoch: 1,
      revision: 1,
      leaseUntil: 0,
      active: null,
    } as const;
    const server = await startApiServer(t, {
      endpoint,
      encryption: file,
      ...(isPassive ? { office: new FakeOffice(state), waitUntilReady: false } : {}),
    });
    running.set(name, server);
    masters.push({ name, address: '127.0.0.1', file });
  }
  const active = running.get('master-1');
  const passive = running.get('master-2');
  assert.ok(active && passive);
  await until(
    async () => (await active.request('GET', '/api/v1/namespaces/default')).status === 200,
    'the namespace is there',
  );
  for (let i = 0; i < count; i++) {
    const body = { metadata: { name: `s-${i}` }, stringData: { p: `value-${i}` } };
    assert.equal((await active.request('POST', secrets, body)).status, 201);
  }
  const keys = async (): Promise<Set<string>> => {
    const { kvs } = await raw.range({ key: '/registry/secrets/', rangeEnd: '/registry/secrets0' });
    return new Set(kvs.map(({ value }) => value.toString('latin1').split(':').slice(2, 5).join(':')));
  };
  assert.deepEqual(await keys(), new Set(['aesgcm:v1:key1']));
  const options: RotationOptions = {
    source,
    masters,
    say: () => undefined,
    deadlineMs: 60_000,
    metricsOf: async ({ name }) => running.get(name)?.metrics.metrics(),
  };

  // A master that does not answer stops it before anything is written that this master could not read.
  const without = { ...options, deadlineMs: 0, metricsOf: () => Promise.resolve(undefined) };
  await assert.rejects(
    rotateEncryption(without),
    /master-1, master-2 did not answer.*Run the command again/s,
  );
  assert.deepEqual(await keys(), new Set(['aesgcm:v1:key1']));

  assert.equal(await rotateEncryption(options), 'key2');
  assert.deepEqual(await keys(), new Set(['aesgcm:v1:key2']));

  // Interrupted when the new key was on one master only.
  const half = withNewKey(await readFile(source, 'utf8'));
  await writeFile(source, half);
  await writeFile(masters[0]?.file ?? '', half);
  assert.equal(await rotateEncryption(options), 'key3');
  assert.deepEqual(await keys(), new Set(['aesgcm:v1:key3']));
  for (const path of [source, ...masters.map(({ file }) => file)]) {
    assert.equal(rotationStateOf(await readFile(path, 'utf8')), 'one');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  }
  const list = await active.request('GET', secrets);
  assert.equal(list.headers['warning'], undefined);
  assert.deepEqual(
    list.json.items
      .map(({ data }: { data: { p: string } }) => Buffer.from(data.p, 'base64').toString())
      .toSorted(),
    Array.from({ length: count }, (_, i) => `value-${i}`).toSorted(),
  );
  await until(
    async () => /timonier_encryption_unreadable_objects 0/.test(await passive.metrics.metrics()),
    'the passive one can read everything',
  );
});

test('a step is done when all processes of a master have taken it over, and the last look begins after that', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-rotation-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const source = join(directory, 'encryption.yaml');
  const file = join(directory, 'master-1.yaml');
  await writeFile(source, newEncryptionConfiguration());
  const hash = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
  const before = hash(await readFile(source, 'utf8'));
  const info = 'apiserver_encryption_config_controller_last_config_info';
  const uses = (one: string): string => `${info}{hash="${one}"} 1`;
  const stale = 'timonier_encryption_stale_objects 0';
  const options = {
    source,
    masters: [{ name: 'master-1', address: '127.0.0.1', file }],
    say: () => undefined,
  };

  // One of two workers stays behind; of other files that are followed nothing is to be learnt.
  let asked = 0;
  await assert.rejects(
    rotateEncryption({
      ...options,
      deadlineMs: 0,
      metricsOf: async () => {
        const now = hash(await readFile(file, 'utf8'));
        asked++;
        if (asked === 1) return [uses(now), stale].join('\n');
        return [uses(before), uses(now), stale].join('\n');
      },
    }),
    /not in time: every API server has taken over the configuration/,
  );
  assert.equal(rotationStateOf(await readFile(file, 'utf8')), 'added');
  await assert.rejects(
    rotateEncryption({
      ...options,
      deadlineMs: 0,
      metricsOf: async () => uses(hash(await readFile(file, 'utf8'))).replace('encryption', 'authorization'),
    }),
    /not in time/,
  );

  // Who looks for what is sealed with the old key does so anew with every file, the last time when all write with the new one.
  const taken: string[] = [];
  await rotateEncryption({
    ...options,
    deadlineMs: 60_000,
    metricsOf: async () => {
      const text = await readFile(file, 'utf8');
      if (taken.at(-1) !== text) taken.push(text);
      return [uses(hash(text)), stale].join('\n');
    },
  });
  assert.deepEqual(
    taken.map((text) => rotationStateOf(text)),
    ['added', 'first', 'first', 'one'],
  );
});
