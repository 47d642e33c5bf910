/** Users on several members, as real processes: tokens wherever they are shown, and users after restarts and snapshots. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createClient, GrpcError, loadService } from '@timonier/grpc';
import { eventually, flushesAt, TestCluster } from '../testing/processes.ts';

type Unary = { request: object; response: object };
const auth = loadService<{ authenticate: Unary; userAdd: Unary; userGrantRole: Unary; authEnable: Unary }>(
  'etcd/rpc.proto',
  'etcdserverpb.Auth',
);
const kv = loadService<{ put: Unary; range: Unary }>('etcd/rpc.proto', 'etcdserverpb.KV');
const key = Buffer.from('key');

async function start(t: TestContext, size: number, flags: readonly string[] = []): Promise<TestCluster> {
  const c = await TestCluster.create(size, { extra: ['--bcrypt-cost=4', ...flags] });
  t.after(() => c.remove());
  c.startAll();
  await c.leader();
  return c;
}

const address = (c: TestCluster, name: string): string => new URL(c.endpoint(name)).host;

async function enable(c: TestCluster): Promise<void> {
  await c.ctl(['user', 'add', 'root:pw']);
  await c.ctl(['user', 'grant-role', 'root', 'root']);
  await c.ctl(['auth', 'enable']);
}

async function tokenFrom(c: TestCluster, name: string): Promise<string> {
  const client = createClient(auth, address(c, name));
  try {
    const { token } = (await client.unary('authenticate', { name: 'root', password: 'pw' })) as {
      token: string;
    };
    return token;
  } finally {
    client.close();
  }
}

/** The outcome of a read on one member, of its own state alone. */
async function read(c: TestCluster, name: string, metadata: Record<string, string>): Promise<string> {
  const client = createClient(kv, address(c, name));
  try {
    await client.unary('range', { key, serializable: true }, { metadata });
    return 'allowed';
  } catch (error) {
    if (error instanceof GrpcError) return error.details;
    throw error;
  } finally {
    client.close();
  }
}

test('a token is good on every member at once, and users outlive restarts while tokens do not', async (t) => {
  const c = await start(t, 3);
  await enable(c);
  for (const from of c.names) {
    const token = await tokenFrom(c, from);
    for (const name of c.names) assert.equal(await read(c, name, { token }), 'allowed', `${from} to ${name}`);
  }
  const token = await tokenFrom(c, 'm1');
  for (const name of c.names) await c.end(name, 'SIGKILL');
  c.startAll();
  await c.leader();
  await eventually('users count again', async () => {
    for (const name of c.names) assert.equal(await read(c, name, {}), 'etcdserver: user name is empty');
  });
  // What was written down is not applied again: the client authenticates anew, as with etcd.
  const outcome = await read(c, 'm1', { token });
  assert.ok(['allowed', 'etcdserver: invalid auth token'].includes(outcome), outcome);
  assert.equal(await read(c, 'm1', { token: await tokenFrom(c, 'm1') }), 'allowed');
});

test('a member that is brought up by a snapshot knows the users', async (t) => {
  const c = await start(t, 3, ['--snapshot-count=10']);
  const leader = await c.leader();
  const lagging = c.names.find((name) => name !== leader) ?? '';
  await c.end(lagging, 'SIGKILL');
  await enable(c);
  const client = createClient(kv, address(c, leader));
  const token = await tokenFrom(c, leader);
  const others = c.names.filter((name) => name !== lagging);
  const flushes = (): Promise<number[]> =>
    Promise.all(others.map((name) => flushesAt(Number(new URL(c.endpoint(name)).port))));
  try {
    for (let i = 0; i < 40; i++)
      await client.unary('put', { key, value: Buffer.from(String(i)) }, { metadata: { token } });
    // The log is cut behind a write of the state; one that began before may not hold everything.
    const before = await flushes();
    await eventually('both others have cut their logs', async () => {
      await client.unary('put', { key, value: Buffer.from('more') }, { metadata: { token } });
      const now = await flushes();
      assert.ok(
        now.every((count, n) => count >= (before[n] ?? 0) + 2),
        `${before.join()}, then ${now.join()}`,
      );
    });
  } finally {
    client.close();
  }
  c.start(lagging);
  await eventually('the snapshot is installed', () => {
    assert.match(c.output.get(lagging) ?? '', /installed a snapshot/);
    return Promise.resolve();
  });
  assert.equal(await read(c, lagging, {}), 'etcdserver: user name is empty');
  assert.equal(await read(c, lagging, { token: await tokenFrom(c, lagging) }), 'allowed');
});

test('leases of whoever is gone still end while authentication is enabled', async (t) => {
  const c = await start(t, 1);
  await enable(c);
  const root = ['--user', 'root:pw'];
  // A lease of a second may be over before a slow machine uses it.
  await eventually('a key with a lease', async () => {
    const leased = await c.ctl([...root, 'lease', 'grant', '2']);
    const [, id = ''] = /lease ([0-9a-f]+)/.exec(leased) ?? [];
    await c.ctl([...root, 'put', 'key', 'value', '--lease', id]);
  });
  await eventually('the key is gone with its lease', async () => {
    assert.equal(await c.ctl(['--user', 'root:pw', 'get', 'key', '--print-value-only']), '');
  });
});
