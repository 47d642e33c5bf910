/** Snapshots to files and back, with real members and the real etcdctl. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createClient } from '@timonier/grpc';
import { kvService } from './client-services.ts';
import { restoreSnapshot, snapshotStatus } from './snapshot-verbs.ts';
import { eventually, TestCluster } from './testing/processes.ts';

const entry = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function timonier(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [entry, ...args], { timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}

async function cluster(t: TestContext, size: number): Promise<TestCluster> {
  const made = await TestCluster.create(size);
  t.after(() => made.remove());
  return made;
}

async function started(t: TestContext, size: number): Promise<TestCluster> {
  const made = await cluster(t, size);
  made.startAll();
  await made.leader();
  return made;
}

/** Every key and value, as one member has them, and the header's revision. */
async function contents(
  c: TestCluster,
  at: string,
): Promise<{ readonly revision: number; readonly kvs: Map<string, string> }> {
  const text = await eventually('a read', () => c.ctl(['get', '', '--from-key', '-w', 'json'], { at }));
  const { header, kvs } = JSON.parse(text) as {
    header: { revision: number };
    kvs: { key: string; value: string }[];
  };
  const plain = (base64: string): string => Buffer.from(base64, 'base64').toString();
  return {
    revision: header.revision,
    kvs: new Map(kvs.map(({ key, value }) => [plain(key), plain(value)])),
  };
}

async function restoreAll(file: string, to: TestCluster, more: readonly string[] = []): Promise<void> {
  for (const name of to.names) {
    const { code, stderr } = await timonier(
      'snapshot',
      'restore',
      file,
      `--name=${name}`,
      `--data-dir=${to.dataDir(name)}`,
      `--initial-cluster=${to.initialCluster()}`,
      ...more,
    );
    assert.equal(code, 0, stderr);
  }
}

test('what was acknowledged before a snapshot under load is in three new members, later writes are not half there, and watches of the old cluster are told to start anew', async (t) => {
  const old = await started(t, 3);
  const leader = await old.leader();
  await old.ctl(['put', '/timonier/office', '7@m1']);
  const lease = (await old.ctl(['lease', 'grant', '900'])).split(' ')[1] ?? '';
  await old.ctl(['put', `--lease=${lease}`, 'leased', 'x']);
  await old.ctl(['put', 'gone', 'x']);
  await old.ctl(['del', 'gone']);
  const client = createClient(kvService, `unix:${old.socket(leader)}`);
  t.after(() => client.close());
  const rest = {
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
  let written = -1;
  const loading = new AbortController();
  const load = (async (): Promise<void> => {
    for (let i = 0; !loading.signal.aborted; i++) {
      const value = Buffer.from(`${i}`.padEnd(2_000, '.'));
      // Again where the leader changed under way, as on a machine that had no time for it.
      await eventually('a put', () =>
        client.unary('put', { key: Buffer.from(`k${i % 500}`), value, ...rest }),
      );
      written = i;
    }
  })();
  await eventually('some load', async () => assert.ok(written > 600));
  const before = written;
  const file = join(old.folder, 'backup.snap');
  await old.ctl(['snapshot', 'save', file], { at: leader });
  const after = written + 1;
  loading.abort();
  await load;
  // Our own verb, against another member.
  const other = old.names.find((name) => name !== leader) ?? '';
  const saved = await timonier(
    'snapshot',
    'save',
    '--endpoint',
    old.endpoint(other),
    join(old.folder, 'other.snap'),
  );
  assert.equal(saved.code, 0, saved.stderr);
  const status = await timonier('snapshot', 'status', file, '--output', 'json');
  assert.equal(status.code, 0, status.stderr);
  const said = JSON.parse(status.stdout) as {
    keys: number;
    office: string;
    revision: number;
    leases: number;
  };
  assert.deepEqual([said.keys, said.office, said.leases], [502, '7@m1', 1]);

  const made = await cluster(t, 3);
  await restoreAll(file, made);
  made.startAll();
  await made.leader();
  const views = [];
  for (const name of made.names) views.push(await contents(made, name));
  const [first] = views;
  assert.ok(first !== undefined);
  for (const view of views) assert.deepEqual(view.kvs, first.kvs);
  assert.equal(first.kvs.size, 502);
  assert.equal(first.kvs.get('leased'), 'x');
  assert.ok(!first.kvs.has('gone'));
  const newest = Math.max(
    ...[...first.kvs].filter(([key]) => /^k\d/.test(key)).map(([, value]) => Number.parseInt(value, 10)),
  );
  assert.ok(newest >= before && newest <= after, `${before} ≤ ${newest} ≤ ${after}`);
  // One moment: all of the last 500 writes up to the newest are there.
  for (let i = newest - 499; i <= newest; i++)
    assert.equal(Number.parseInt(first.kvs.get(`k${i % 500}`) ?? '', 10), i);
  assert.equal(first.kvs.get('/timonier/office'), '1000000007@nobody');
  assert.equal(first.revision, said.revision + 1_000_000_000);
  assert.match(await made.ctl(['lease', 'timetolive', lease, '--keys']), /attached keys\(\[leased\]\)/);
  await made.ctl(['lease', 'revoke', lease]);
  assert.equal(await made.ctl(['get', 'leased']), '');
  const hashes = await made.ctl(['endpoint', 'hashkv', '-w', 'json']);
  const each = (JSON.parse(hashes) as { HashKV: { hash: number } }[]).map(({ HashKV }) => HashKV.hash);
  assert.equal(new Set(each).size, 1, hashes);
  await made.ctl(['put', 'k0', 'new life']);

  const watch = await made.etcdctl(['watch', 'k', '--prefix', '--rev', String(said.revision)]);
  assert.match(watch.stderr, /required revision has been compacted/);
  const read = await made.etcdctl(['get', 'k0', '--rev', String(said.revision)]);
  assert.match(read.stderr, /required revision has been compacted/);

  // The state survives a restart, and an old member finds no way into the new cluster.
  await Promise.all(made.names.map((name) => made.end(name, 'SIGKILL')));
  made.startAll();
  await made.leader();
  assert.equal((await contents(made, 'm2')).kvs.get('k0'), 'new life');
});

test('a restored member takes part in no other cluster: the same file with another token, or the cluster it came from', async (t) => {
  const old = await started(t, 1);
  await old.ctl(['put', 'a', 'b']);
  const file = join(old.folder, 'backup.snap');
  await old.ctl(['snapshot', 'save', file]);
  const ids = new Set<string>();
  for (const token of ['one', 'two']) {
    const { code, stdout, stderr } = await timonier(
      'snapshot',
      'restore',
      file,
      '--name=m1',
      `--data-dir=${join(old.folder, token)}`,
      `--initial-cluster=${old.initialCluster()}`,
      `--initial-cluster-token=${token}`,
      '--output=json',
    );
    assert.equal(code, 0, stderr);
    const { cluster: id, member } = JSON.parse(stdout) as { cluster: string; member: string };
    ids.add(id).add(member);
  }
  const identity = JSON.parse(readFileSync(join(old.dataDir('m1'), 'member.json'), 'utf8')) as {
    cluster: string;
    member: string;
  };
  ids.add(identity.cluster).add(identity.member);
  assert.equal(ids.size, 6);
});

test('files that are no snapshots of ours, or not whole, and directories in use are refused in one line, and nothing is written', async (t) => {
  const c = await started(t, 1);
  await c.ctl(['put', 'a', 'x'.repeat(100_000)]);
  const good = join(c.folder, 'good.snap');
  await c.ctl(['snapshot', 'save', good]);
  const bad = (name: string, spoil: (path: string) => void): string => {
    const path = join(c.folder, name);
    copyFileSync(good, path);
    spoil(path);
    return path;
  };
  const { size } = statSync(good);
  const flip = (at: number) => (path: string) => {
    const bytes = readFileSync(path);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(path, bytes);
  };
  // What etcd's own snapshots begin with.
  const bbolt = Buffer.alloc(4_096);
  bbolt.writeUInt32LE(0xed0cdaed, 16);
  const cases: readonly (readonly [string, RegExp])[] = [
    [join(c.folder, 'none.snap'), /there is no file .*none\.snap/],
    [bad('short.snap', (path) => truncateSync(path, size - 40)), /is truncated: it has \d+ of \d+ bytes/],
    [bad('head.snap', (path) => truncateSync(path, 30)), /is truncated/],
    [bad('tiny.snap', (path) => truncateSync(path, 7)), /is truncated/],
    [bad('empty.snap', (path) => truncateSync(path, 0)), /is truncated/],
    [bad('long.snap', (path) => truncateSync(path, size + 512)), /has 512 bytes behind its end/],
    [bad('body.snap', flip(50_000)), /is damaged: its SHA-256 checksum does not match/],
    [bad('sum.snap', flip(size - 1)), /is damaged: its SHA-256 checksum does not match/],
    [bad('description.snap', flip(40)), /is damaged: its description does not match its checksum/],
    [bad('bolt.snap', (path) => writeFileSync(path, bbolt)), /is a snapshot that etcd made/],
    [
      bad('text.snap', (path) => writeFileSync(path, 'hello '.repeat(100))),
      /is not a snapshot of this store/,
    ],
    [c.folder, /is no file/],
  ];
  const target = join(c.folder, 'target');
  const options = { name: 'm1', initialCluster: c.initialCluster(), token: 't', bumpRevision: 1 };
  for (const [path, message] of cases) {
    assert.throws(() => snapshotStatus(path), message);
    await assert.rejects(restoreSnapshot(path, { ...options, dataDir: target }), message);
  }
  const none = join(c.folder, 'none.snap');
  for (const args of [
    ['status', none],
    ['restore', none, `--data-dir=${target}`],
  ]) {
    const { code, stderr } = await timonier('snapshot', ...args);
    assert.match(stderr, /^timonier snapshot: there is no file .*none\.snap\n$/);
    assert.equal(code, 1);
  }
  assert.throws(() => statSync(target), /ENOENT/);
  mkdirSync(target);
  writeFileSync(join(target, 'mine'), '');
  const used = await timonier('snapshot', 'restore', good, `--data-dir=${target}`);
  assert.deepEqual([used.code, used.stdout], [1, '']);
  assert.match(used.stderr, /target is not empty; restore into a new directory/);
  const again = await timonier('snapshot', 'save', `--endpoint=${c.endpoint('m1')}`, good);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /good\.snap exists; choose another name/);
  const nobody = await timonier('snapshot', 'save', '--endpoint=127.0.0.1:1', join(c.folder, 'x.snap'));
  assert.equal(nobody.code, 1, nobody.stderr);
  for (const args of [
    ['retsore'],
    ['restore'],
    ['restore', good, '--nmae=x'],
    ['restore', good, '--initial-cluster=x'],
  ]) {
    const { code, stderr } = await timonier('snapshot', ...args);
    assert.equal(code, 2, stderr);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }
});
