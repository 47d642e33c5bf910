/**
 * The loss of the page cache on every member at once: all are killed under load, and what no fsync had forced out is
 * taken away from their files. Every acknowledged write must be there when they are started again; with fsync turned
 * into nothing, the same test must find them missing.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { createClient } from '@timonier/grpc';
import { atEnd } from '../../packages/store/src/testing/at-end.ts';
import { freePorts } from '../../packages/store/src/testing/processes.ts';
import { Random } from '../simulation/random.ts';
import { until } from '../acceptance/wait.ts';
import { DiskRecord, readTree, type Survives, writeTree } from './disk-record.ts';
import { buildNative } from './native.ts';
import { RecordedMember } from './recorded-member.ts';
import { kvService } from './store/protocol.ts';

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lost-page-cache-'));
  atEnd(t, () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What LevelDB writes about itself for people, past the calls that are recorded; it never reads it. */
function isNote(path: string): boolean {
  return /(^|\/)(LOG|LOG\.old|LOCK)$/.test(path);
}

class Group {
  readonly members: readonly RecordedMember[];

  constructor(members: readonly RecordedMember[]) {
    this.members = members;
  }

  static async create(t: TestContext, library: string, folder: string, skipSync: boolean): Promise<Group> {
    const names = ['m1', 'm2', 'm3'];
    const ports = await freePorts(names.length * 2);
    const members = names.map((name, i) => ({
      name,
      folder: join(folder, name),
      client: `http://127.0.0.1:${ports[i * 2]}`,
      peer: `http://127.0.0.1:${ports[i * 2 + 1]}`,
    }));
    const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(',');
    const group = new Group(members.map((one) => new RecordedMember({ ...one, cluster, library, skipSync })));
    atEnd(t, () => group.kill());
    return group;
  }

  async start(): Promise<void> {
    for (const member of this.members) member.start();
    await Promise.all(
      this.members.map((member) =>
        until(`${member.name} serves`, 60_000, async () => {
          assert.ok(member.alive, member.output);
          const client = createClient(kvService, member.target);
          try {
            return await client.unary('range', { key: Buffer.from('none') }, { timeoutMs: 1_000 });
          } finally {
            client.close();
          }
        }),
      ),
    );
  }

  async kill(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
  }
}

interface Load {
  readonly acknowledged: ReadonlyMap<string, string>;
  stop(): Promise<void>;
}

/** Writes keys of their own through every member, many at a time, until it is stopped. */
function startLoad({ members }: Group, round: number): Load {
  const acknowledged = new Map<string, string>();
  const stopping = new AbortController();
  const writers = members.flatMap(({ name, target }) => {
    const client = createClient(kvService, target);
    const writer = async (n: number): Promise<void> => {
      for (let i = 0; !stopping.signal.aborted; i++) {
        const key = `${round}/${name}/${n}/${i}`;
        const value = `${key} `.repeat(1 + (i % 40));
        try {
          await client.unary(
            'put',
            { key: Buffer.from(key), value: Buffer.from(value) },
            { timeoutMs: 2_000 },
          );
          acknowledged.set(key, value);
        } catch {
          await pause(10);
        }
      }
    };
    return [Promise.all(Array.from({ length: 8 }, (_unused, n) => writer(n))).finally(() => client.close())];
  });
  return {
    acknowledged,
    stop: async () => {
      stopping.abort();
      await Promise.all(writers);
    },
  };
}

/** Everything a member answers with. */
async function content(member: RecordedMember): Promise<Map<string, string>> {
  const client = createClient(kvService, member.target);
  try {
    const all = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) };
    const { kvs } = await client.unary('range', all, { timeoutMs: 60_000 });
    return new Map(kvs.map(({ key, value }) => [key.toString(), value.toString()]));
  } finally {
    client.close();
  }
}

/** Kills all at one moment under load, and takes away what was not forced out. Returns what was acknowledged. */
async function lifeAndDeath(
  group: Group,
  round: number,
  survives: Survives,
): Promise<ReadonlyMap<string, string>> {
  const load = startLoad(group, round);
  await until('writes are acknowledged', 60_000, () => (load.acknowledged.size > 400 ? true : undefined));
  await Promise.all(group.members.map((member) => member.freeze()));
  await group.kill();
  await load.stop();
  for (const member of group.members) {
    const record = member.record();
    const seen = record.live();
    const real = readTree(member.folder);
    // The record is worth something only if it is complete.
    const names = new Set([...seen.keys(), ...real.keys()].filter((path) => !isNote(path)));
    for (const path of names)
      assert.ok(
        seen.get(path)?.equals(real.get(path) ?? Buffer.from('absent')),
        `${member.name}: ${path} was written past the record`,
      );
    const left = record.left(survives);
    writeTree(member.folder, new Map([...left].filter(([path]) => !isNote(path))));
  }
  return load.acknowledged;
}

/** The acknowledged writes that any member does not know. */
async function missing(group: Group, acknowledged: ReadonlyMap<string, string>): Promise<string[]> {
  const contents = await Promise.all(group.members.map(content));
  return [...acknowledged]
    .filter(([key, value]) => contents.some((one) => one.get(key) !== value))
    .map(([key]) => key);
}

const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 100_000);

test('no acknowledged write is lost with the page cache of all members', { timeout: 120_000 }, async (t) => {
  t.diagnostic(`CHAOS_SEED=${seed}`);
  const folder = temporary(t);
  const library = await buildNative('lostPageCache', folder);
  const group = await Group.create(t, library, folder, false);
  const random = new Random(seed);
  const everything = new Map<string, string>();
  // Once nothing unforced survives, once any part of it, in any order.
  for (const [round, share] of [0, 0.5].entries()) {
    await group.start();
    for (const [key, value] of await lifeAndDeath(group, round, () => random.chance(share)))
      everything.set(key, value);
  }
  await group.start();
  assert.deepEqual(await missing(group, everything), []);
});

test('with fsync turned into nothing, acknowledged writes are missing', { timeout: 120_000 }, async (t) => {
  const folder = temporary(t);
  const library = await buildNative('lostPageCache', folder);
  const group = await Group.create(t, library, folder, true);
  await group.start();
  const acknowledged = await lifeAndDeath(group, 0, () => false);
  for (const member of group.members) assert.equal(member.record().syncs, 0);
  await group.start();
  const lost = await missing(group, acknowledged);
  t.diagnostic(`${lost.length} of ${acknowledged.size} acknowledged writes are lost`);
  assert.ok(lost.length > 0);
});

/** Runs a few calls of Node's under the library and replays them. */
test('what was forced out is told from what was not', async (t) => {
  const folder = temporary(t);
  const library = await buildNative('lostPageCache', folder);
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  writeFileSync(join(disk, 'old'), 'abc');
  const record = new DiskRecord(disk);
  const script = `
    const fs = require('node:fs');
    const sync = (path) => { const fd = fs.openSync(path, 'r'); fs.fsyncSync(fd); fs.closeSync(fd); };
    process.chdir(${JSON.stringify(disk)});
    fs.mkdirSync('a/b', { recursive: true });
    fs.writeFileSync('a/b/synced', 'one', { flush: true });
    fs.appendFileSync('a/b/synced', ' two');
    fs.writeFileSync('a/b/unsynced', 'x');
    fs.writeFileSync('renamed', 'r', { flush: true });
    fs.renameSync('renamed', 'a/renamed');
    fs.writeFileSync('moved', 'm', { flush: true });
    fs.renameSync('moved', 'kept');
    sync('.');
    fs.writeFileSync('old', 'replaced');
    fs.truncateSync('kept', 0);
    fs.rmSync('a/b', { recursive: true });
    console.log(process.pid);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], {
    env: {
      ...process.env,
      LD_PRELOAD: library,
      TIMONIER_TEST_DISK: disk,
      TIMONIER_TEST_JOURNAL: join(folder, 'j'),
    },
  });
  record.replay(readFileSync(join(folder, `j.${stdout.trim()}`)));
  const text = (tree: ReadonlyMap<string, Buffer>): Record<string, string> =>
    Object.fromEntries(
      [...tree].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([path, bytes]) => [path, bytes.toString()]),
    );
  assert.deepEqual(text(record.live()), text(readTree(disk)));
  assert.deepEqual(text(record.left(() => false)), {
    'a/b/synced': 'one',
    kept: 'm',
    old: 'abc',
  });
  assert.deepEqual(text(record.left(() => true)), {
    'a/b/synced': 'one two',
    kept: '',
    old: 'replaced',
  });
});
