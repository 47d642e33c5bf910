import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePorts, TestCluster } from '../../packages/store/src/testing/processes.ts';
import { type Ended, timonier } from './program.ts';

/** A member's folder with ten keys in it, and no process. */
async function filled(t: TestContext): Promise<TestCluster> {
  const store = await TestCluster.create(1);
  t.after(() => store.remove());
  store.startAll();
  await store.leader();
  for (let i = 0; i < 10; i++) await store.ctl(['put', `key-${i}`, 'v'.repeat(1_000)]);
  await store.end('m1', 'SIGKILL');
  return store;
}

interface Place {
  readonly dataDir: string;
  readonly name?: string;
  readonly token?: string;
  readonly clientPort?: number;
  readonly peerPort?: number;
  readonly opsPort?: number;
}

/** Runs a store that is expected to refuse, to its end. */
async function refuse(place: Place): Promise<Ended> {
  const [a = 0, b = 0] = await freePorts(2);
  const { name = 'm1', token = 'etcd-cluster', clientPort = a, peerPort = b, opsPort } = place;
  return timonier([
    'store',
    `--name=${name}`,
    `--data-dir=${place.dataDir}`,
    `--listen-client-urls=http://127.0.0.1:${clientPort}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster-token=${token}`,
    `--ops-address=${opsPort === undefined ? '' : `127.0.0.1:${opsPort}`}`,
    '--log-level=error',
  ]);
}

function assertRefused({ code, stderr }: Ended, message: RegExp): void {
  assert.match(stderr, message);
  assert.equal(code, 1, stderr);
  assert.equal(stderr.trim().split('\n').length, 1, stderr);
}

async function assertAllThere(store: TestCluster): Promise<void> {
  store.startAll();
  await store.leader();
  const keys = await store.ctl(['get', 'key-', '--prefix', '--keys-only']);
  assert.equal(keys.split('\n').filter((line) => line.startsWith('key-')).length, 10);
}

function contents(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  return new Map(
    files.map((file) => [
      join(file.parentPath, file.name),
      readFileSync(join(file.parentPath, file.name)).toString('base64'),
    ]),
  );
}

test('a store refuses the data of another cluster or member, and leaves it as it is', async (t) => {
  const store = await filled(t);
  const dataDir = store.dataDir('m1');
  const before = contents(dataDir);
  assertRefused(
    await refuse({ dataDir, token: 'other' }),
    /data directory .* belongs to cluster [0-9a-f]+, not to [0-9a-f]+ .*; use another --data-dir/,
  );
  assert.deepEqual(contents(dataDir), before);
  const identity = JSON.parse(readFileSync(join(dataDir, 'member.json'), 'utf8')) as { member: string };
  writeFileSync(join(dataDir, 'member.json'), JSON.stringify({ ...identity, member: '123', name: 'm9' }));
  const child = store.start('m1', ['--log-level=error']);
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(code, 1);
  assert.match(
    store.output.get('m1') ?? '',
    /belongs to member m9 \(123\), not to m1 .*use another --data-dir/,
  );
  for (const [text, message] of [
    [
      JSON.stringify({ ...identity, format: 2 }),
      /has format 2, and this version reads format 1; start the version that wrote it/,
    ],
    ['{"clus', /member.json does not say whose data this is; restore it from a copy/],
  ] as const) {
    writeFileSync(join(dataDir, 'member.json'), text);
    assertRefused(await refuse({ dataDir }), message);
  }
  writeFileSync(join(dataDir, 'member.json'), JSON.stringify(identity));
  await assertAllThere(store);
});

test('a store says which folder cannot hold its data', async () => {
  assertRefused(
    await refuse({ dataDir: '/proc/nowhere' }),
    /cannot use data directory \/proc\/nowhere: ENOENT/,
  );
  assertRefused(
    await refuse({ dataDir: '/etc/hostname' }),
    /cannot use data directory \/etc\/hostname: it is no folder/,
  );
});

test('a store refuses a log that is damaged in its middle, says how to go on, and changes nothing', async (t) => {
  const store = await filled(t);
  const [segment = ''] = readdirSync(join(store.dataDir('m1'), 'wal'));
  const path = join(store.dataDir('m1'), 'wal', segment);
  const whole = readFileSync(path);
  const damaged = Buffer.from(whole);
  damaged.fill(0xaa, 2_000, 2_064);
  writeFileSync(path, damaged);
  const child = store.start('m1', ['--log-level=error']);
  const code = await new Promise((resolve) => child.once('close', resolve));
  const said = (store.output.get('m1') ?? '').trim().split('\n').at(-1) ?? '';
  assert.equal(code, 1, said);
  assert.match(
    said,
    /^timonier store: log segment .*\.wal is damaged at byte \d+: .*; nothing was changed; while a majority of the members is well, remove this one/,
  );
  assert.deepEqual(readFileSync(path), damaged);
  writeFileSync(path, whole);
  await assertAllThere(store);
});

test('a store whose ports are taken names the port and who has it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-bad-ports-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  t.after(() => holder.close());
  const address = holder.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const taken = new RegExp(
    `cannot listen .*127.0.0.1:${port}: process ${process.pid} \\(.*\\) listens there already`,
  );
  assertRefused(await refuse({ dataDir: join(folder, 'a'), clientPort: port }), taken);
  assertRefused(await refuse({ dataDir: join(folder, 'b'), peerPort: port }), taken);
  assertRefused(await refuse({ dataDir: join(folder, 'c'), opsPort: port }), taken);
});
