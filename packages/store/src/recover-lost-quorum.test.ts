/** A survivor goes on alone, with real members and the real etcdctl. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient } from '@timonier/grpc';
import { kvService } from './client-services.ts';
import { finishRecovery } from './recover-lost-quorum.ts';
import { eventually, TestCluster } from './testing/processes.ts';

interface Identity {
  readonly cluster: string;
  readonly member: string;
}

function identity(folder: string): Identity {
  return JSON.parse(readFileSync(join(folder, 'member.json'), 'utf8')) as Identity;
}

test('what one of three members had becomes a cluster of one, beyond every revision and epoch of the old one, and the others find no way in', async (t) => {
  const c = await TestCluster.create(3);
  t.after(() => c.remove());
  c.startAll();
  const leader = await c.leader();
  const survivor = c.names.find((name) => name !== leader) ?? '';
  await c.ctl(['put', '/timonier/office', '41@m3']);
  const lease = (await c.ctl(['lease', 'grant', '900'])).split(' ')[1] ?? '';
  await c.ctl(['put', `--lease=${lease}`, 'leased', 'x']);
  const client = createClient(kvService, `unix:${c.socket(leader)}`);
  t.after(() => client.close());
  const rest = { lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
  let answer: { header?: { revision: number } } = {};
  for (let i = 0; i < 200; i++)
    answer = await client.unary('put', {
      key: Buffer.from(`k${i % 50}`),
      value: Buffer.from(`${i}`),
      ...rest,
    });
  const revision = answer.header?.revision ?? 0;
  await eventually('the survivor has all of it', async () => {
    const args = ['get', 'k49', '--print-value-only', '--consistency=s'];
    assert.equal(await c.ctl(args, { at: survivor }), '199\n');
  });
  await Promise.all(c.names.map((name) => c.end(name, 'SIGKILL')));
  const before = identity(c.dataDir(survivor));

  // Alone it cannot go on by itself.
  c.start(survivor);
  await eventually('its answer', async () => {
    const { stderr } = await c.etcdctl(['put', 'a', 'b'], { at: survivor, patienceMs: 10_000 });
    assert.match(stderr, /no leader|timed out|deadline/);
  });
  await c.end(survivor, 'SIGKILL');
  c.start(survivor, ['--force-new-cluster=true']);
  await c.leader([survivor]);
  assert.match(c.log, /made a new cluster of what this member had/);
  const after = identity(c.dataDir(survivor));
  assert.notEqual(after.cluster, before.cluster);
  assert.notEqual(after.member, before.member);
  const members = await c.ctl(['member', 'list'], { at: survivor });
  assert.equal(members.trim().split('\n').length, 1, members);
  for (let i = 150; i < 200; i++)
    assert.equal(await c.ctl(['get', `k${i % 50}`, '--print-value-only'], { at: survivor }), `${i}\n`);
  assert.equal(
    await c.ctl(['get', '/timonier/office', '--print-value-only'], { at: survivor }),
    '1000000041@nobody\n',
  );
  assert.match(
    await c.ctl(['lease', 'timetolive', lease, '--keys'], { at: survivor }),
    /attached keys\(\[leased\]\)/,
  );
  const put = JSON.parse(await c.ctl(['put', 'a', 'b', '-w', 'json'], { at: survivor })) as {
    header: { revision: number };
  };
  assert.ok(put.header.revision > revision + 999_999_999);
  const watch = await c.etcdctl(['watch', 'k0', '--rev', String(revision)], { at: survivor });
  assert.match(watch.stderr, /required revision has been compacted/);
  // The flag may stay where it is, and what was there before is kept.
  await c.end(survivor, 'SIGTERM');
  c.start(survivor, ['--force-new-cluster=true']);
  await c.leader([survivor]);
  assert.deepEqual(identity(c.dataDir(survivor)), after);
  assert.match(c.log, /is a cluster of one member already/);
  assert.equal(await c.ctl(['get', 'a', '--print-value-only'], { at: survivor }), 'b\n');
  const aside = readdirSync(join(c.dataDir(survivor), 'before-recovery-1'));
  for (const name of ['member.json', 'state', 'wal']) assert.ok(aside.includes(name), name);
  // A member of the old cluster comes back: it is another cluster's and is refused.
  c.start(leader);
  await eventually('the refusal', () => {
    assert.match(c.output.get(leader) ?? '', /belongs to cluster/);
    return Promise.resolve();
  });
  assert.equal(await c.ctl(['get', 'a', '--print-value-only'], { at: survivor }), 'b\n');
});

test('a recovery that is cut short between any two of its renames is finished by the next start', async (t) => {
  const c = await TestCluster.create(1);
  t.after(() => c.remove());
  const old = ['member.json', 'promise', 'state', 'wal'];
  const put = (path: string): void => void mkdirSync(path, { recursive: true });
  // So many renames are done before the interruption.
  for (let done = 0; done <= old.length + 2; done++) {
    const dir = join(c.folder, `cut-${done}`);
    for (const name of old) put(join(dir, name, `old-${name}`));
    put(join(dir, 'recovery', 'state', 'new-state'));
    put(join(dir, 'recovery', 'member.json', 'new-identity'));
    const steps: [string, string][] = [
      ...old.map((name): [string, string] => [name, join('before-recovery-1', name)]),
      [join('recovery', 'state'), 'state'],
      [join('recovery', 'member.json'), 'member.json'],
    ];
    if (done > 0) put(join(dir, 'before-recovery-1'));
    for (const [from, to] of steps.slice(0, done)) renameSync(join(dir, from), join(dir, to));
    finishRecovery(dir);
    finishRecovery(dir);
    assert.deepEqual(readdirSync(join(dir, 'state')), ['new-state'], `after ${done}`);
    assert.deepEqual(readdirSync(join(dir, 'member.json')), ['new-identity'], `after ${done}`);
    assert.deepEqual(
      readdirSync(dir).filter((name) => !name.startsWith('before-')),
      ['member.json', 'state'],
    );
    const asides = readdirSync(dir).filter((name) => name.startsWith('before-'));
    assert.deepEqual(asides.flatMap((name) => readdirSync(join(dir, name))).sort(), old, `after ${done}`);
  }
});

test('there is nothing to recover from in an empty directory, and that is said', async (t) => {
  const c = await TestCluster.create(1);
  t.after(() => c.remove());
  c.start('m1', ['--force-new-cluster=true']);
  assert.equal(await c.ended('m1'), 1);
  assert.match(c.log, /timonier store: data directory .* holds no member; --force-new-cluster needs/);
});
