import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { type AlarmCause, Quota } from './quota.ts';
import { eventually, TestCluster } from './testing/processes.ts';

/** Nothing that the disk's format could make smaller. */
const megabyte = randomBytes(768 * 1024).toString('base64');
const quotaBytes = 8_000_000;

/** Puts until the quota is reached. Returns how many puts fitted, and what etcdctl says then. */
async function fill(c: TestCluster): Promise<{ readonly puts: number; readonly stderr: string }> {
  for (let puts = 0; puts < 40; puts++) {
    const { code, stderr } = await c.etcdctl(['put', `k${puts}`], { input: megabyte });
    if (code !== 0) return { puts, stderr };
  }
  throw new Error('40 MB fit into the quota');
}

interface EndpointStatus {
  readonly header: { readonly revision: number };
  readonly dbSize: number;
  readonly dbSizeInUse: number;
  readonly raftAppliedIndex: number;
}

async function status(c: TestCluster, at: string): Promise<EndpointStatus> {
  const [one] = JSON.parse(await c.ctl(['endpoint', 'status', '-w', 'json'], { at })) as {
    Status: EndpointStatus;
  }[];
  assert.ok(one !== undefined);
  return one.Status;
}

test('a full store refuses what adds to it, tells so, and takes puts again after compaction, defrag and disarm', async (t) => {
  const c = await TestCluster.create(3, { extra: [`--quota-backend-bytes=${quotaBytes}`] });
  t.after(() => c.remove());
  c.startAll();
  const leader = await c.leader();
  const { puts, stderr: full } = await fill(c);
  assert.match(full, /code = ResourceExhausted desc = etcdserver: mvcc: database space exceeded/);
  assert.equal(puts, Math.floor(quotaBytes / megabyte.length), 'all that fits is taken, and no more');
  assert.match(await c.ctl(['alarm', 'list']), /^memberID:\d+ alarm:NOSPACE \n$/, 'one member raised it');
  // Every member refuses, and so does a transaction that could put.
  for (const name of c.names) {
    const { stderr } = await c.etcdctl(['put', 'small', 'v'], { at: name });
    assert.match(stderr, /database space exceeded/);
  }
  const { stderr } = await c.etcdctl(['txn'], { input: '\nput small v\n\n\n' });
  assert.match(stderr, /database space exceeded/);
  await eventually('the same use on every member', async () => {
    const all = await Promise.all(c.names.map((name) => status(c, name)));
    assert.equal(new Set(all.map(({ raftAppliedIndex }) => raftAppliedIndex)).size, 1);
    const [use = 0, ...others] = new Set(all.map(({ dbSizeInUse }) => dbSizeInUse));
    assert.deepEqual(others, []);
    assert.ok(use > puts * megabyte.length && use < quotaBytes, `${use} bytes in use`);
  });
  assert.match(await c.ctl(['del', 'k', '--prefix']), /\d+/);
  // What etcd's documentation tells people to do, once: nothing here is tried again.
  const { header } = await status(c, leader);
  await c.ctl(['compact', String(header.revision)]);
  await c.ctl(['defrag']);
  assert.match(await c.ctl(['alarm', 'disarm']), /^memberID:\d+ alarm:NOSPACE \n$/);
  for (const name of c.names) await c.ctl(['put', 'small', 'v'], { at: name });
  assert.equal(await c.ctl(['alarm', 'list']), '');
  await eventually('room on the disks', async () => {
    for (const name of c.names) {
      const { dbSize, dbSizeInUse } = await status(c, name);
      assert.ok(dbSizeInUse < 10_000, `${dbSizeInUse} bytes in use`);
      assert.ok(dbSize < 1_000_000, `${dbSize} bytes of files`);
    }
  });
  // Alarms are part of the state: what is disarmed stays so.
  await c.end(leader, 'SIGKILL');
  c.start(leader);
  await eventually('the restarted member', () => c.ctl(['put', 'small', 'v'], { at: leader }));
});

test('a store started with --auto-disarm takes puts again by itself once there is room', async (t) => {
  const c = await TestCluster.create(1, {
    extra: [`--quota-backend-bytes=${quotaBytes}`, '--auto-disarm=true'],
  });
  t.after(() => c.remove());
  c.startAll();
  await c.leader();
  assert.match((await fill(c)).stderr, /database space exceeded/);
  const deleted = await c.ctl(['del', 'k', '--prefix', '-w', 'json']);
  const { header } = JSON.parse(deleted) as { header: { revision: number } };
  await c.ctl(['compact', String(header.revision), '--physical']);
  // It was waited for.
  assert.ok((await status(c, 'm1')).dbSizeInUse < 10_000);
  await eventually('a put', () => c.ctl(['put', 'small', 'v']));
});

/** A quota of 100 bytes whose member does as it is told. */
function pretend(): {
  used: number;
  sweeping: boolean;
  standing: boolean;
  raised: AlarmCause[];
  quota: Quota;
} {
  const told = { used: 0, sweeping: false, standing: false, raised: [] as AlarmCause[] };
  const quota = new Quota({
    bytes: 100,
    autoDisarm: false,
    used: () => told.used,
    sweeping: () => told.sweeping,
    refused: () => told.standing,
    pause: () => turn(),
    barrier: () => turn(),
    raised: () => undefined,
    alarm: (_activate, cause) => Promise.resolve(told.raised.push(cause)).then(() => ({})),
    room: () => undefined,
    stuck: () => false,
  });
  return Object.assign(told, { quota });
}

test('a write that comes before a compaction has made room waits for it, and raises no alarm', async () => {
  const store = pretend();
  Object.assign(store, { used: 99, sweeping: true });
  let passed = false;
  const put = store.quota.check(10).then(() => (passed = true));
  for (let i = 0; i < 5; i++) await turn();
  assert.equal(passed, false);
  store.used = 90;
  await put;
  // It may turn out that there is nothing to win.
  store.used = 99;
  const other = store.quota.check(10);
  await turn();
  assert.deepEqual(store.raised, []);
  store.sweeping = false;
  await assert.rejects(other, /database space exceeded/);
  assert.deepEqual(store.raised, ['quota']);
});

test('a write is refused for as long as a compaction takes that makes no room, without an alarm', async () => {
  const store = pretend();
  Object.assign(store, { used: 99, sweeping: true });
  await assert.rejects(store.quota.check(10), /database space exceeded/);
  assert.deepEqual(store.raised, []);
});

test("somebody's alarm stops writes, and is no reason to raise another", async () => {
  const store = pretend();
  store.standing = true;
  await assert.rejects(store.quota.check(10), /database space exceeded/);
  assert.deepEqual(store.raised, []);
  // What was taken back elsewhere is known after a barrier.
  const put = store.quota.check(10);
  store.standing = false;
  await put;
});
