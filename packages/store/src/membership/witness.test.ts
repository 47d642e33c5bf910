import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '@timonier/grpc';
import { kvService } from '../client-services.ts';
import { StoreMembers } from '../member-verbs.ts';
import { eventually, TestCluster } from '../testing/processes.ts';

async function puts(c: TestCluster, at: string, from: number, to: number): Promise<void> {
  const client = createClient(kvService, `unix:${c.socket(at)}`);
  try {
    for (let i = from; i < to; i++)
      await client.unary('put', {
        key: Buffer.from('k'),
        value: Buffer.from(`${i}`),
        lease: 0n,
        prevKv: false,
        ignoreValue: false,
        ignoreLease: false,
      });
  } finally {
    client.close();
  }
}

test('two masters and a witness go on when either master dies, and no write is lost when the other one lagged', async (t) => {
  const c = await TestCluster.create(3, { extra: ['--snapshot-count=20'] });
  t.after(async () => {
    // The types do not know it yet.
    if ((t as { passed?: boolean }).passed === false) t.diagnostic(c.log);
    await c.remove();
  });
  c.start('m1', [`--initial-cluster=${c.initialCluster(['m1'])}`]);
  await c.leader(['m1']);
  const store = new StoreMembers({ target: new URL(c.endpoint('m1')).host, tls: undefined, user: '' });
  t.after(() => store.close());
  const joined = async (name: string, names: readonly string[], witness: boolean): Promise<void> => {
    await store.add([c.peerUrl(name)], witness);
    c.start(name, [
      `--initial-cluster=${c.initialCluster(names)}`,
      '--initial-cluster-state=existing',
      ...(witness ? ['--witness'] : []),
    ]);
    // On a busy machine it may even lead by now.
    await eventually(`${name} votes`, async () => assert.notEqual((await store.find(name)).role, 'learner'));
  };
  // More than the log keeps: the witness gets its place in the log without the state.
  await puts(c, 'm1', 0, 60);
  await joined('m2', ['m1', 'm2'], false);
  await joined('m3', ['m1', 'm2', 'm3'], true);
  assert.equal((await store.find('m3')).witness, true);
  assert.deepEqual((await store.find('m3')).clientUrls, []);
  assert.match(
    (await c.etcdctl(['get', 'k'], { at: 'm3' })).stderr,
    /this member is a witness and serves no clients; ask another member/,
  );
  const witnessId = (await store.find('m3')).id;
  const leader = await c.leader(['m1', 'm2']);
  assert.match((await c.etcdctl(['move-leader', witnessId])).stderr, /bad leader transferee/);

  // The other master is away while the leader and the witness go on: the witness alone keeps what it misses.
  const other = leader === 'm1' ? 'm2' : 'm1';
  await c.end(other, 'SIGKILL');
  await puts(c, leader, 60, 100);
  await c.end(leader, 'SIGKILL');
  c.start(other);
  assert.equal(await c.leader([other]), other);
  assert.equal(await c.ctl(['get', 'k', '--print-value-only'], { at: other }), '99\n');
  assert.match(c.output.get('m3') ?? '', /"role":"leader"/, 'the witness led to bring it up to date');
  await c.ctl(['put', 'k', 'after'], { at: other });
  c.start(leader);
  await eventually('the first leader has caught up', async () => {
    assert.equal(
      await c.ctl(['get', 'k', '--print-value-only', '--consistency=s'], { at: leader }),
      'after\n',
    );
  });

  // It is a witness for good, and comes back as one.
  await c.end('m3', 'SIGKILL');
  c.start('m3');
  await c.ended('m3');
  assert.match(c.output.get('m3') ?? '', /belongs to a witness; start it with --witness/);
  c.start('m3', ['--witness', '--initial-cluster-state=existing']);
  await c.end(other, 'SIGKILL');
  await eventually('the first leader and the witness go on', () =>
    c.ctl(['put', 'k', 'end'], { at: leader }),
  );
});

test('a store that is to found a cluster as a witness is refused with what to do', async (t) => {
  const c = await TestCluster.create(1);
  t.after(() => c.remove());
  c.start('m1', ['--witness']);
  assert.equal(await c.ended('m1'), 2);
  assert.match(
    c.output.get('m1') ?? '',
    /a witness joins a cluster that is there: add it with timonier member add/,
  );
});
