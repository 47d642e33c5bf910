import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createClient, type GrpcClient } from '@timonier/grpc';
import { kvService, leadershipService, leaseService } from './client-services.ts';
import type { KvShape } from './services/kv.ts';
import { eventually, flushesAt, freePorts, TestCluster } from './testing/processes.ts';

async function made(t: TestContext, size: number, extra: readonly string[] = []): Promise<TestCluster> {
  const c = await TestCluster.create(size, { extra });
  t.after(async () => {
    // The types do not know it yet.
    if ((t as { passed?: boolean }).passed === false) t.diagnostic(c.log);
    await c.remove();
  });
  return c;
}

async function cluster(t: TestContext, size: number): Promise<TestCluster> {
  const c = await made(t, size);
  c.startAll();
  await c.leader();
  return c;
}

function put(client: GrpcClient<KvShape>, key: string, value: string): Promise<object> {
  return client.unary(
    'put',
    {
      key: Buffer.from(key),
      value: Buffer.from(value),
      lease: 0n,
      prevKv: false,
      ignoreValue: false,
      ignoreLease: false,
    },
    { timeoutMs: 60_000 },
  );
}

test('no acknowledged write is lost when the leader is killed again and again, and members agree in the end', async (t) => {
  const c = await cluster(t, 3);
  const clients = new Map(c.names.map((name) => [name, createClient(kvService, `unix:${c.socket(name)}`)]));
  t.after(() => {
    for (const client of clients.values()) client.close();
  });
  const acknowledged = new Map<string, string>();
  const writing = new AbortController();
  const writers = c.names.map(async (name, w) => {
    const client = clients.get(name);
    if (client === undefined) return;
    for (let i = 0; !writing.signal.aborted; i++) {
      try {
        await put(client, `w${w}/${i}`, `${i}`);
        acknowledged.set(`w${w}/${i}`, `${i}`);
      } catch {
        // Unknown or refused: nothing was promised. Wait a moment so that a dead member is not hammered.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  });
  for (let round = 0; round < 2; round++) {
    const before = acknowledged.size;
    await eventually('writes', async () => assert.ok(acknowledged.size > before + 50));
    const dead = await c.leader();
    await c.end(dead, 'SIGKILL');
    const rest = c.names.filter((name) => name !== dead);
    assert.notEqual(await c.leader(rest), dead);
    const after = acknowledged.size;
    await eventually('writes go on without the dead member', async () =>
      assert.ok(acknowledged.size > after + 50),
    );
    c.start(dead);
    await eventually('the dead member is back', () => c.ctl(['endpoint', 'health'], { at: dead }));
  }
  writing.abort();
  await Promise.all(writers);
  // Everything dies at once: what was acknowledged must come back from disk.
  await Promise.all(c.names.map((name) => c.end(name, 'SIGKILL')));
  c.startAll();
  await c.leader();
  const hashes = new Set<number>();
  for (const name of c.names) {
    const text = await eventually('a linearizable read', () =>
      c.ctl(['get', 'w', '--prefix', '-w', 'json'], { at: name }),
    );
    const { kvs } = JSON.parse(text) as { kvs: { key: string; value: string }[] };
    const found = new Map(
      kvs.map(({ key, value }) => [
        Buffer.from(key, 'base64').toString(),
        Buffer.from(value, 'base64').toString(),
      ]),
    );
    for (const [key, value] of acknowledged) assert.equal(found.get(key), value, `${key} at ${name}`);
    const [{ HashKV }] = JSON.parse(await c.ctl(['endpoint', 'hashkv', '-w', 'json'], { at: name })) as [
      { HashKV: { hash: number } },
    ];
    hashes.add(HashKV.hash);
  }
  assert.equal(hashes.size, 1, 'all members have the same history');
});

test('a member that missed more than the log holds is brought up by a snapshot, history and leases included', async (t) => {
  const c = await made(t, 3, ['--snapshot-count=10']);
  const operations = await freePorts(3);
  for (const [i, name] of c.names.entries()) c.start(name, [`--ops-address=127.0.0.1:${operations[i]}`]);
  const leader = await c.leader();
  const lagging = c.names.find((name) => name !== leader) ?? '';
  await c.end(lagging, 'SIGKILL');
  const client = createClient(kvService, `unix:${c.socket(leader)}`);
  t.after(() => client.close());
  const lease = (await c.ctl(['lease', 'grant', '600'], { at: leader })).split(' ')[1] ?? '';
  await c.ctl(['put', `--lease=${lease}`, 'leased', 'x'], { at: leader });
  for (let i = 0; i < 100; i++) await put(client, 'k', `${i}`);
  // The log is cut behind a write of the state; one that began before may not hold everything.
  const others = operations.filter((_port, i) => c.names[i] !== lagging);
  const before = await Promise.all(others.map(flushesAt));
  let i = 100;
  await eventually('both others have cut their logs', async () => {
    await put(client, 'k', `${i++}`);
    const now = await Promise.all(others.map(flushesAt));
    assert.ok(
      now.every((count, n) => count >= (before[n] ?? 0) + 2),
      `${before.join()}, then ${now.join()}`,
    );
  });
  const last = `${i}`;
  await put(client, 'k', last);
  c.start(lagging);
  await eventually('the lagging member has caught up', async () => {
    assert.equal(
      await c.ctl(['get', 'k', '--print-value-only', '--consistency=s'], { at: lagging }),
      `${last}\n`,
    );
  });
  assert.match(c.output.get(lagging) ?? '', /installed a snapshot/);
  const hashes = await Promise.all(
    c.names.map(async (name) => {
      const [{ HashKV }] = JSON.parse(await c.ctl(['endpoint', 'hashkv', '-w', 'json'], { at: name })) as [
        { HashKV: { hash: number } },
      ];
      return HashKV.hash;
    }),
  );
  assert.equal(new Set(hashes).size, 1);
  assert.match(
    await c.ctl(['lease', 'timetolive', lease, '--keys'], { at: lagging }),
    /attached keys\(\[leased\]\)/,
  );
  // It works as installed after a restart, too.
  await c.end(lagging, 'SIGKILL');
  c.start(lagging);
  await eventually('the member is back', async () => {
    assert.equal(await c.ctl(['get', 'k', '--print-value-only'], { at: lagging }), `${last}\n`);
  });
});

test('a lease ends once nobody renews it, and its keys go with it, also when the leader changed meanwhile', async (t) => {
  const c = await cluster(t, 3);
  const leader = await c.leader();
  const rest = c.names.filter((name) => name !== leader);
  const client = createClient(leaseService, `unix:${c.socket(rest[0] ?? '')}`);
  t.after(() => client.close());
  const ID = 0x77n;
  await client.unary('leaseGrant', { ID, TTL: 5 }, { timeoutMs: 60_000 });
  const over = new AbortController();
  let renewals = client.bidi('leaseKeepAlive');
  const renewing = setInterval(() => renewals.write({ ID }), 250);
  const answers = (async () => {
    while (!over.signal.aborted) {
      try {
        for await (const _answer of renewals);
      } catch {
        // Nobody led for longer than a question waits: clients of etcd ask anew, and what is asked below is the key.
      }
      if (!over.signal.aborted) renewals = client.bidi('leaseKeepAlive');
    }
  })();
  try {
    await c.ctl(['put', `--lease=${ID.toString(16)}`, 'mine', 'x']);
    await c.end(leader, 'SIGKILL');
    await c.leader(rest);
    assert.equal(await c.ctl(['get', 'mine', '--print-value-only'], { at: rest[0] ?? '' }), 'x\n');
  } finally {
    over.abort();
    clearInterval(renewing);
    renewals.end();
  }
  await answers;
  await eventually('the key is gone', async () => {
    assert.equal(await c.ctl(['get', 'mine'], { at: rest[1] ?? '' }), '');
  });
});

test('leadership is observed on the private socket and moves when asked to', async (t) => {
  const c = await cluster(t, 3);
  const leader = await c.leader();
  const to = c.names.find((name) => name !== leader) ?? '';
  const observer = createClient(leadershipService, `unix:${c.socket(to)}`);
  const asker = createClient(leadershipService, `unix:${c.socket(leader)}`);
  t.after(() => {
    observer.close();
    asker.close();
  });
  const stream = observer.serverStream('observe', {});
  let asked = false;
  for await (const state of stream) {
    assert.equal(state.member, to);
    if (!asked) {
      asked = true;
      assert.deepEqual(await asker.unary('transfer', { to }), { to });
    }
    if (state.leader === to && state.role === 2 && state.leaseUntil > 0) break;
  }
});

test('a data directory of another cluster, a port in use and an unknown flag are refused with one clear line', async (t) => {
  const c = await cluster(t, 1);
  const only = c.names[0] ?? '';
  async function refusal(more: readonly string[]): Promise<string> {
    const other = await TestCluster.create(1);
    try {
      const child = other.start('m1', more);
      await new Promise((resolve) => child.once('close', resolve));
      assert.notEqual(child.exitCode, 0);
      return /^timonier store: .*$/m.exec(other.output.get('m1') ?? '')?.[0] ?? '';
    } finally {
      await other.remove();
    }
  }
  assert.match(await refusal([`--data-dir=${c.dataDir(only)}`]), /belongs to cluster/);
  assert.match(
    await refusal([`--listen-client-urls=${c.endpoint(only)}`]),
    /cannot listen for clients on .*: process \d+ \(.*\) listens there already/,
  );
  assert.match(await refusal(['--no-such-flag=1']), /unknown flag --no-such-flag/);
});
