import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { bootTimeMs } from '@timonier/linux/clock';
import { testPort, testPorts } from '@timonier/linux/test-ports';
import { etcdLeadership, etcdTargets } from './etcd-election.ts';
import type { LeadershipSource } from './keeper.ts';
import { type Leadership, noLeadership } from './machine.ts';
import { claimStore, clusterIdentity } from './store-claim.ts';
import { storeOfficeRecord } from './store-office.ts';

const skip = spawnSync('etcd', ['--version']).status === 0 ? false : 'needs the Debian package etcd-server';

let etcd: ChildProcess | undefined;
let folder = '';
let endpoint = '';

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `${what} never came true`);
    await delay(10);
  }
}

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'timonier-etcd-'));
  const [clients, peers] = await testPorts(2);
  endpoint = `http://127.0.0.1:${clients}`;
  const peer = `http://127.0.0.1:${peers}`;
  const flags = {
    'data-dir': folder,
    'listen-client-urls': endpoint,
    'advertise-client-urls': endpoint,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  etcd = spawn('etcd', args, { stdio: 'ignore' });
  await until('etcd is healthy', () =>
    fetch(`${endpoint}/health`).then(
      (response) => response.ok,
      () => false,
    ),
  );
});

after(async () => {
  if (etcd !== undefined) {
    const gone = new Promise((resolve) => etcd?.once('exit', resolve));
    etcd.kill('SIGKILL');
    await gone;
  }
  if (folder !== '') rmSync(folder, { recursive: true });
});

function candidate(name: string): { source: LeadershipSource; seen: () => Leadership } {
  const source = etcdLeadership(name, etcdTargets([endpoint]), bootTimeMs, () => undefined);
  let seen = noLeadership;
  source.follow((leadership) => (seen = leadership));
  return { source, seen: () => seen };
}

test(
  'of two masters on a foreign etcd one leads, and the other when the first hands over',
  { skip },
  async (t) => {
    const a = candidate('a');
    t.after(() => a.source.close());
    await until('a leads', () => a.seen().leads && a.seen().leaseUntil > bootTimeMs());
    const b = candidate('b');
    t.after(() => b.source.close());
    let [first, second] = [a, b];
    let term = 0;
    // Where etcd had no time for two seconds, a lease ran out: then the same with whoever leads next.
    for (let attempt = 0, isRenewed = false; !isRenewed; attempt++) {
      assert.ok(attempt < 10, 'no lease is ever renewed');
      await until('one leads and the other knows', () => {
        [first, second] = b.seen().leads ? [b, a] : [a, b];
        return first.seen().leads && second.seen().leader === first.seen().leader;
      });
      assert.equal(second.seen().leads, false);
      const { leaseUntil } = first.seen();
      ({ term } = first.seen());
      const isOver = (): boolean => !first.seen().leads || first.seen().term !== term;
      await until('the lease is renewed', () => isOver() || first.seen().leaseUntil > leaseUntil);
      isRenewed = !isOver();
    }
    await first.source.transfer();
    assert.equal(first.seen().leads, false);
    await until('the other leads', () => second.seen().leads);
    assert.ok(second.seen().term > term, 'every leadership has a term of its own');
  },
);

test('the office is taken only from who was read to hold it', { skip }, async (t) => {
  const record = storeOfficeRecord(etcdTargets([endpoint]));
  t.after(() => record.close());
  assert.equal(await record.read(), null);
  const first = await record.take(null, '1@a');
  assert.ok(first !== null && first.revision > 0);
  assert.equal(await record.take(null, '1@b'), null);
  assert.equal(await record.take('0@x', '1@b'), null);
  assert.equal(await record.read(), '1@a');
  const second = await record.take('1@a', '2@b');
  assert.ok(second !== null && second.revision > first.revision);
  assert.equal(await record.read(), '2@b');
});

test('an etcd belongs to the first cluster that comes, and a second one is told so', { skip }, async () => {
  const claim = (identity: string): Promise<void> =>
    claimStore(etcdTargets([endpoint]), identity, AbortSignal.timeout(30_000), () => undefined);
  const first = clusterIdentity('sea', Buffer.from('authority of one'));
  await claim(first);
  await claim(first);
  const other = clusterIdentity('sea', Buffer.from('authority of another'));
  await assert.rejects(claim(other), /holds the data of cluster "sea@[0-9a-f]{16}", and this is "sea@/);
});

test('a store that does not answer is asked again until the master stops', { skip }, async () => {
  const stopping = new AbortController();
  const targets = etcdTargets([`http://127.0.0.1:${await testPort()}`]);
  const complaints: unknown[] = [];
  const claim = claimStore(targets, 'sea@1', stopping.signal, (error) => {
    complaints.push(error);
    if (complaints.length === 2) stopping.abort(new Error('enough'));
  });
  await assert.rejects(claim, /enough/);
});
