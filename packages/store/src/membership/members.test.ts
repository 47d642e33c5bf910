import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createClient } from '@timonier/grpc';
import { kvService } from '../client-services.ts';
import { eventually, TestCluster } from '../testing/processes.ts';

/** A cluster of the first members, with room for more; what members log is shown when the test fails. */
async function founded(t: TestContext, size: number, first: number): Promise<TestCluster> {
  const c = await TestCluster.create(size);
  t.after(async () => {
    // The types do not know it yet.
    if ((t as { passed?: boolean }).passed === false) t.diagnostic(c.log);
    await c.remove();
  });
  const founders = c.names.slice(0, first);
  for (const name of founders) c.start(name, [`--initial-cluster=${c.initialCluster(founders)}`]);
  await c.leader(founders);
  return c;
}

interface Listed {
  readonly ID: number;
  readonly name?: string;
  readonly peerURLs: readonly string[];
  readonly isLearner?: boolean;
}

async function list(c: TestCluster, at: string): Promise<Map<string, Listed & { readonly hex: string }>> {
  const { members } = JSON.parse(await c.ctl(['member', 'list', '-w', 'json'], { at })) as {
    members: Listed[];
  };
  // JavaScript's numbers cannot hold every id: the text form has it exactly.
  const plain = (await c.ctl(['member', 'list'], { at })).trim().split('\n');
  return new Map(
    members.map((member) => {
      const url = member.peerURLs[0] ?? '';
      const hex = plain.find((line) => line.includes(url))?.split(',')[0] ?? '';
      return [url, { ...member, hex }];
    }),
  );
}

/** Puts without end, at the members that `among` names; counts what was acknowledged. */
function load(t: TestContext, c: TestCluster, among: () => readonly string[]) {
  const clients = new Map(c.names.map((name) => [name, createClient(kvService, `unix:${c.socket(name)}`)]));
  const acknowledged = new Map<string, string>();
  const writing = new AbortController();
  const done = [0, 1, 2].map(async (w) => {
    for (let i = 0; !writing.signal.aborted; i++) {
      const names = among();
      const client = clients.get(names[(w + i) % names.length] ?? '');
      try {
        await client?.unary(
          'put',
          {
            key: Buffer.from(`w${w}/${i}`),
            value: Buffer.from(`${i}`),
            lease: 0n,
            prevKv: false,
            ignoreValue: false,
            ignoreLease: false,
          },
          { timeoutMs: 3_000 },
        );
        acknowledged.set(`w${w}/${i}`, `${i}`);
      } catch {
        // Nothing was promised. A moment's pause, so that a dead member is not hammered.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  });
  const stop = async (): Promise<void> => {
    writing.abort();
    await Promise.all(done);
    for (const client of clients.values()) client.close();
  };
  t.after(stop);
  const progress = async (what: string): Promise<void> => {
    const before = acknowledged.size;
    await eventually(`writes ${what}`, async () => assert.ok(acknowledged.size > before + 30));
  };
  return { acknowledged, stop, progress };
}

test('three members under load grow to five, lose one and replace it, with etcdctl and without losing a write', async (t) => {
  const c = await founded(t, 6, 3);
  let alive = ['m1', 'm2', 'm3'];
  const writes = load(t, c, () => alive);
  await writes.progress('before');
  for (const name of ['m4', 'm5']) {
    const said = await c.ctl(['member', 'add', name, `--peer-urls=${c.peerUrl(name)}`], { at: 'm1' });
    const initial = /ETCD_INITIAL_CLUSTER="(.*)"/.exec(said)?.[1] ?? '';
    assert.match(said, /ETCD_INITIAL_CLUSTER_STATE="existing"/);
    assert.equal(initial.split(',').length, alive.length + 1);
    c.start(name, [`--initial-cluster=${initial}`, '--initial-cluster-state=existing']);
    await eventually(`${name} serves`, () => c.ctl(['get', 'w0/0'], { at: name }));
    alive = [...alive, name];
    await writes.progress(`with ${name}`);
  }
  const dead = await c.leader(alive);
  await c.end(dead, 'SIGKILL');
  alive = alive.filter((name) => name !== dead);
  const [first = ''] = alive;
  await writes.progress('without the dead leader');
  const id = (await list(c, first)).get(c.peerUrl(dead))?.hex ?? '';
  assert.match(await c.ctl(['member', 'remove', id], { at: first }), /removed from cluster/);
  assert.match(
    (await c.etcdctl(['member', 'remove', id], { at: first })).stderr,
    /etcdserver: member not found/,
  );
  await c.ctl(['member', 'add', 'm6', `--peer-urls=${c.peerUrl('m6')}`], { at: first });
  c.start('m6', [
    `--initial-cluster=${c.initialCluster([...alive, 'm6'])}`,
    '--initial-cluster-state=existing',
  ]);
  await eventually('m6 serves', () => c.ctl(['get', 'w0/0'], { at: 'm6' }));
  alive = [...alive, 'm6'];
  await writes.progress('with the new member');

  // The removed one comes back with its data: it is told, says so once and stays away.
  c.start(dead, [`--initial-cluster=${c.initialCluster(['m1', 'm2', 'm3'])}`]);
  assert.equal(await c.ended(dead), 1);
  assert.match(c.output.get(dead) ?? '', /was removed from the cluster and stops/);
  c.start(dead, [`--initial-cluster=${c.initialCluster(['m1', 'm2', 'm3'])}`]);
  assert.equal(await c.ended(dead), 1, 'it does not even start');
  assert.match(c.output.get(dead) ?? '', /which was removed from cluster .*; delete it/);

  await writes.stop();
  const hashes = new Set<number>();
  for (const name of alive) {
    const text = await c.ctl(['get', 'w', '--prefix', '-w', 'json'], { at: name });
    const { kvs } = JSON.parse(text) as { kvs: { key: string; value: string }[] };
    const found = new Map(
      kvs.map(({ key, value }) => [
        Buffer.from(key, 'base64').toString(),
        Buffer.from(value, 'base64').toString(),
      ]),
    );
    for (const [key, value] of writes.acknowledged) assert.equal(found.get(key), value, `${key} at ${name}`);
    const [{ HashKV }] = JSON.parse(await c.ctl(['endpoint', 'hashkv', '-w', 'json'], { at: name })) as [
      { HashKV: { hash: number } },
    ];
    hashes.add(HashKV.hash);
  }
  assert.equal(hashes.size, 1, 'all members have the same history');
  // Everybody remembers who belongs to it, also after a restart with the flags of the first day.
  await Promise.all(alive.map((name) => c.end(name, 'SIGKILL')));
  for (const name of alive)
    c.start(name, [`--initial-cluster=${c.initialCluster([...new Set(['m1', 'm2', 'm3', name])])}`]);
  await c.leader(alive);
  assert.equal((await list(c, alive[0] ?? '')).size, 5);
});
