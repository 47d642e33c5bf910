/** Members on file systems that fill up, with the real etcdctl. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { parseExposition } from '../../../test/conformance/metrics/exposition.ts';
import { eventually, TestCluster } from './testing/processes.ts';
import { SmallDisk } from './testing/small-disk.ts';

const mebibyte = 1024 * 1024;

async function withSmallDisk(
  t: TestContext,
  size: number,
  small: string,
  bytes: number,
): Promise<{ readonly c: TestCluster; readonly disk: SmallDisk }> {
  const c = await TestCluster.create(size);
  const disk = await SmallDisk.under(c, small, bytes);
  t.after(async () => {
    await c.end(small, 'SIGKILL');
    await disk.remove();
    await c.remove();
  });
  c.startAll();
  await c.leader();
  return { c, disk };
}

/** Nothing that the disk's format could make smaller. */
const large = randomBytes(900 * 1024).toString('base64');

/** Puts large values until one is refused; adds what was acknowledged. Returns what etcdctl said then. */
async function putUntilRefused(c: TestCluster, at: string, acknowledged: Set<string>): Promise<string> {
  for (let i = 0; i < 200; i++) {
    const key = `k${acknowledged.size}`;
    const { code, stderr } = await c.etcdctl(['put', key], { at, input: `${key}-${large}` });
    if (code !== 0) return stderr;
    acknowledged.add(key);
  }
  throw new Error('200 values fit on a small disk');
}

async function assertAllThere(c: TestCluster, at: string, acknowledged: ReadonlySet<string>): Promise<void> {
  const found = new Set((await c.ctl(['get', 'k', '--prefix'], { at })).split('\n'));
  for (const key of acknowledged) assert.ok(found.has(key) && found.has(`${key}-${large}`), key);
}

/** How often a member has written its state down. */
async function timesWritten(c: TestCluster, name: string): Promise<number> {
  const shown = parseExposition(await (await fetch(`${c.endpoint(name)}/metrics`)).text());
  const metric = 'etcd_disk_backend_commit_duration_seconds';
  const [count] = (shown.get(metric)?.samples ?? []).filter((sample) => sample.name === `${metric}_count`);
  return count?.value ?? 0;
}

test('a store whose disk runs short takes nothing more in, says so with an alarm, reads on, and recovers by itself when there is room', async (t) => {
  const { c, disk } = await withSmallDisk(t, 1, 'm1', 64 * mebibyte);
  disk.fill(24 * mebibyte);
  const acknowledged = new Set<string>();
  assert.match(await putUntilRefused(c, 'm1', acknowledged), /mvcc: database space exceeded/);
  assert.ok(acknowledged.size > 1, `${acknowledged.size}`);
  assert.match(await c.ctl(['alarm', 'list']), /^memberID:\d+ alarm:NOSPACE/);
  await assertAllThere(c, 'm1', acknowledged);
  assert.match((await c.etcdctl(['lease', 'grant', '10'])).stderr, /database space exceeded/);
  await c.ctl(['del', 'k0']);
  acknowledged.delete('k0');
  assert.equal(c.process('m1').exitCode, null, 'it runs on');
  // Disarming alone makes no room.
  disk.fill(4 * mebibyte);
  await c.ctl(['alarm', 'disarm']);
  await eventually('the alarm is back', async () => assert.match(await c.ctl(['alarm', 'list']), /NOSPACE/));
  disk.clear();
  await eventually('a put', () => c.ctl(['put', 'after', 'all']));
  assert.equal(await c.ctl(['alarm', 'list']), '');
  const written = await timesWritten(c, 'm1');
  await c.ctl(['put', 'after', 'that']);
  await eventually('the state is written down', async () =>
    assert.ok((await timesWritten(c, 'm1')) > written),
  );
  // What the database found while there was no room does not bring the alarm back.
  const since = c.output.get('m1')?.split('there is room again').at(-1);
  assert.doesNotMatch(since ?? '', /out of space/);
  await c.end('m1', 'SIGKILL');
  c.start('m1');
  await c.leader();
  await assertAllThere(c, 'm1', acknowledged);
});

test('a disk that another program fills to the last byte costs no acknowledged write, no process and no read', async (t) => {
  const { c, disk } = await withSmallDisk(t, 1, 'm1', 64 * mebibyte);
  const acknowledged = new Set<string>();
  for (let i = 0; i < 6; i++) {
    const key = `k${i}`;
    await c.ctl(['put', key], { input: `${key}-${large}` });
    acknowledged.add(key);
  }
  disk.fill(0);
  const said = await putUntilRefused(c, 'm1', acknowledged);
  assert.match(said, /space exceeded|timed out|deadline exceeded|no leader/);
  await eventually('the alarm', async () => assert.match(await c.ctl(['alarm', 'list']), /NOSPACE/));
  const refused = await c.etcdctl(['put', 'small', 'v']);
  assert.match(refused.stderr, /database space exceeded/);
  await assertAllThere(c, 'm1', acknowledged);
  assert.equal(c.process('m1').exitCode, null, 'it runs on');
  disk.clear();
  await eventually('a put', () => c.ctl(['put', 'after', 'all']));
  await eventually('no alarm', async () => assert.equal(await c.ctl(['alarm', 'list']), ''));
  await c.end('m1', 'SIGKILL');
  c.start('m1');
  await c.leader();
  await assertAllThere(c, 'm1', acknowledged);
});

test('members that have room go on without the one that has none, which catches up when it has', async (t) => {
  const { c, disk } = await withSmallDisk(t, 3, 'm1', 64 * mebibyte);
  await c.ctl(['put', 'before', 'x']);
  disk.fill(0);
  await eventually('the alarm', async () =>
    assert.match(await c.ctl(['alarm', 'list'], { at: 'm2' }), /NOSPACE/),
  );
  const acknowledged = new Set<string>();
  for (let i = 0; i < 12; i++) {
    const key = `k${i}`;
    await eventually('a put', () => c.ctl(['put', key], { at: 'm2', input: `${key}-${large}` }));
    acknowledged.add(key);
  }
  assert.equal(c.process('m1').exitCode, null, 'it runs on');
  disk.clear();
  await eventually('no alarm', async () => assert.equal(await c.ctl(['alarm', 'list'], { at: 'm2' }), ''));
  await eventually('m1 has caught up', async () => {
    assert.equal(
      await c.ctl(['get', 'k11', '--print-value-only', '--consistency=s'], { at: 'm1' }),
      `k11-${large}\n`,
    );
  });
  await assertAllThere(c, 'm1', acknowledged);
});
