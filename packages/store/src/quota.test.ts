import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { eventually, TestCluster } from './testing/processes.ts';

/** Nothing that the disk's format could make smaller. */
const megabyte = randomBytes(768 * 1024).toString('base64');

/** Puts until the quota is reached, and returns what etcdctl says then. */
async function fill(c: TestCluster): Promise<string> {
  for (let i = 0; i < 40; i++) {
    const { code, stderr } = await c.etcdctl(['put', `k${i}`], { input: megabyte });
    if (code !== 0) return stderr;
  }
  throw new Error('40 MB fit into the quota');
}

test('a full store refuses what adds to it, tells so, and takes puts again after compaction, defrag and disarm', async (t) => {
  const c = await TestCluster.create(3, { extra: ['--quota-backend-bytes=8000000'] });
  t.after(() => c.remove());
  c.startAll();
  const leader = await c.leader();
  assert.match(await fill(c), /code = ResourceExhausted desc = etcdserver: mvcc: database space exceeded/);
  assert.match(await c.ctl(['alarm', 'list']), /^memberID:\d+ alarm:NOSPACE/);
  // Every member refuses, and so does a transaction that could put.
  for (const name of c.names) {
    const { stderr } = await c.etcdctl(['put', 'small', 'v'], { at: name });
    assert.match(stderr, /database space exceeded/);
  }
  const { stderr } = await c.etcdctl(['txn'], { input: '\nput small v\n\n\n' });
  assert.match(stderr, /database space exceeded/);
  assert.match(await c.ctl(['del', 'k', '--prefix']), /\d+/);
  // Sizes are those of the last flush.
  const revision = await eventually('the size on disk', async () => {
    const [status] = JSON.parse(await c.ctl(['endpoint', 'status', '-w', 'json'], { at: leader })) as {
      Status: { header: { revision: number }; dbSize: number };
    }[];
    assert.ok(status !== undefined && status.Status.dbSize > 6_000_000);
    return status.Status.header.revision;
  });
  await c.ctl(['compact', String(revision)]);
  await eventually('room', async () => {
    await c.ctl(['defrag']);
    assert.match(await c.ctl(['alarm', 'disarm']), /^(memberID:\d+ alarm:NOSPACE \n?)*/);
    await c.ctl(['put', 'small', 'v']);
  });
  assert.equal(await c.ctl(['alarm', 'list']), '');
  // Alarms are part of the state: what is disarmed stays so.
  await c.end(leader, 'SIGKILL');
  c.start(leader);
  await eventually('the restarted member', () => c.ctl(['put', 'small', 'v'], { at: leader }));
});

test('a store started with --auto-disarm takes puts again by itself once there is room', async (t) => {
  const c = await TestCluster.create(1, { extra: ['--quota-backend-bytes=8000000', '--auto-disarm=true'] });
  t.after(() => c.remove());
  c.startAll();
  await c.leader();
  assert.match(await fill(c), /database space exceeded/);
  const deleted = await c.ctl(['del', 'k', '--prefix', '-w', 'json']);
  const { header } = JSON.parse(deleted) as { header: { revision: number } };
  await c.ctl(['compact', String(header.revision)]);
  await eventually('a put', async () => {
    await c.ctl(['defrag']);
    await c.ctl(['put', 'small', 'v']);
  });
});
