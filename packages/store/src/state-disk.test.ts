import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { GrpcError } from '@timonier/grpc';
import { ClassicLevel } from 'classic-level';
import { systemClock } from './clock.ts';
import { folderLevels, type Level, type Levels, openLevel } from './levels.ts';
import { isMetaKey } from './meta-records.ts';
import { Mvcc } from './mvcc.ts';
import { SnapshotFile } from './snapshot-file.ts';
import type { SnapshotPiece } from './snapshot-pieces.ts';
import type { JournalRecord } from './state-records.ts';
import { StateDisk, type StateMeta } from './state-disk.ts';
import { StateCorruptError } from './state-seal.ts';
import type { StateView } from './state-view.ts';
import { firstVersion, metaBehindBlocksVersion } from './versions/entry-versions.ts';

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'state-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Versions of the log: with what a state says of itself in front of its blocks, and behind them. */
const layouts = [
  [firstVersion, 'in front of its blocks'],
  [metaBehindBlocksVersion, 'behind its blocks'],
] as const;

function metaAt(record: JournalRecord, clusterVersion: number = metaBehindBlocksVersion): StateMeta {
  return {
    clusterVersion,
    cluster: 'c',
    index: record.index,
    term: 1,
    revision: record.revision,
    compactRevision: record.compactRevision,
    configuration: { voters: ['a'], learners: [] },
    members: [],
  };
}

function contents(state: Mvcc): string {
  const lines: string[] = [];
  state.index.scan({ from: '', to: '\u0100' }, state.revision, (key, record) => {
    lines.push(`${key}=${state.content(record).value.toString('latin1')}@${record.main}`);
  });
  return [...lines, ...[...state.leases.values()].map(({ id, ttl }) => `lease ${id} ${ttl}`)].join('\n');
}

/** Writes a state in several batches. Returns what was there after each, by log index. */
async function filled(
  folder: string,
  batches: number,
  versionAt: (index: number) => number = () => metaBehindBlocksVersion,
): Promise<Map<number, string>> {
  const disk = new StateDisk(folder);
  await disk.open();
  await disk.settle(0);
  const state = new Mvcc(disk);
  const seen = new Map<number, string>();
  for (let index = 1; index <= batches; index++) {
    for (let i = 0; i < 20; i++) {
      const key = Buffer.from(`key-${(index * 7 + i) % 60}`);
      state.write(() => state.put(key, Buffer.from(`value ${index} ${i} `.repeat(20)), 0n));
    }
    state.grantLease(BigInt(index), 10 * index);
    if (index % 4 === 0) state.revokeLease(BigInt(index - 1));
    if (index % 5 === 0) state.compact(state.revision - 30);
    const record = state.takeJournal(index, 1);
    await disk.flush([record], metaAt(record, versionAt(index)));
    state.flushed(record);
    seen.set(index, contents(state));
    if (index === Math.floor(batches / 2)) await disk.reclaim(() => Promise.resolve());
  }
  await disk.close();
  return seen;
}

/** What a member would find in the folder. */
async function recovered(folder: string): Promise<{ readonly index: number; readonly contents: string }> {
  const disk = new StateDisk(folder);
  await disk.open();
  try {
    const meta = await disk.settle(0);
    const state = new Mvcc(disk);
    if (meta !== undefined) await disk.load(state, meta);
    return { index: meta?.index ?? 0, contents: contents(state) };
  } finally {
    await disk.close();
  }
}

for (const [version, place] of layouts)
  test(`the state comes back as it was after any batch, compaction and leases included, described ${place}`, async (t) => {
    const folder = temporary(t);
    const seen = await filled(folder, 12, () => version);
    assert.deepEqual(await recovered(folder), { index: 12, contents: seen.get(12) });
  });

test('a power cut in the batch that moves what a state says of itself leaves all of that batch, or nothing', async (t) => {
  const folder = temporary(t);
  const seen = await filled(folder, 5, (index) => (index < 5 ? firstVersion : metaBehindBlocksVersion));
  const log = readdirSync(join(folder, 'state')).find((name) => name.endsWith('.log')) ?? '';
  const bytes = readFileSync(join(folder, 'state', log));
  const found = new Set<number>();
  for (let end = bytes.length; end >= 0; end -= 31) {
    const work = join(folder, 'work');
    rmSync(work, { recursive: true, force: true });
    cpSync(join(folder, 'state'), join(work, 'state'), { recursive: true });
    truncateSync(join(work, 'state', log), end);
    const { index, contents: kept } = await recovered(work);
    assert.equal(kept, seen.get(index) ?? '', `cut at ${end} of ${bytes.length}`);
    found.add(index);
    if (index < 4) break;
  }
  assert.deepEqual([...found], [5, 4, 3]);
});

for (const [version, place] of layouts)
  test(`whatever byte of the database is damaged, it is refused or is exactly the state of some batch, never another one, described ${place}`, async (t) => {
    const folder = temporary(t);
    const seen = await filled(folder, 12, () => version);
    seen.set(0, '');
    const files = readdirSync(join(folder, 'state')).filter((name) =>
      /\.(ldb|log)$|^MANIFEST|^CURRENT/.test(name),
    );
    assert.ok(files.some((name) => name.endsWith('.ldb')) && files.some((name) => name.endsWith('.log')));
    const work = join(folder, 'work');
    let refused = 0;
    let tried = 0;
    for (const name of files) {
      const { size } = statSync(join(folder, 'state', name));
      const offsets = new Set(Array.from({ length: 30 }, (_, i) => Math.floor((size * (i + 0.37)) / 30)));
      for (const offset of offsets)
        for (const cut of [false, true]) {
          if (cut && offset % 3 !== 0) continue;
          rmSync(work, { recursive: true, force: true });
          cpSync(join(folder, 'state'), join(work, 'state'), { recursive: true });
          const path = join(work, 'state', name);
          if (cut) truncateSync(path, offset);
          else {
            const bytes = readFileSync(path);
            bytes[offset] = (bytes[offset] ?? 0) ^ (1 << (offset % 8));
            writeFileSync(path, bytes);
          }
          tried += 1;
          const found = await recovered(work).catch(() => undefined);
          if (found === undefined) refused += 1;
          else
            assert.equal(found.contents, seen.get(found.index), `${name} at ${offset}${cut ? ' cut' : ''}`);
        }
    }
    assert.ok(tried > 60 && refused > 20, `${refused} of ${tried} refused`);
  });

test('a state that says nothing about itself is not taken for an empty one', async (t) => {
  const folder = temporary(t);
  await filled(folder, 4);
  const db = await folderLevels(folder).open('state');
  await db.batch([{ type: 'del', key: Buffer.from('m') }], { sync: true });
  await db.close();
  await assert.rejects(recovered(folder), /state is damaged: it says nothing about itself; /);
});

test('a record that is gone, changed or of another place is named, with what to do', async (t) => {
  const folder = temporary(t);
  await filled(folder, 6);
  const damage = async (spoil: (db: ClassicLevel<Buffer, Buffer>) => Promise<void>): Promise<string> => {
    const work = mkdtempSync(join(folder, 'spoilt-'));
    cpSync(join(folder, 'state'), join(work, 'state'), { recursive: true });
    const db = new ClassicLevel<Buffer, Buffer>(join(work, 'state'), {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    });
    await spoil(db);
    await db.close();
    const error: unknown = await recovered(work).catch((reason: unknown) => reason);
    assert.ok(error instanceof StateCorruptError, String(error));
    return error.message;
  };
  const blocks = { gte: Buffer.from('r'), lt: Buffer.from('s') };
  const say =
    /^the state in .*\/state is damaged: .*; nothing was changed; while a majority of the members is well/;
  const gone = await damage(async (db) => {
    const [key = Buffer.alloc(0)] = await db.keys({ ...blocks, limit: 1 }).all();
    await db.del(key);
  });
  assert.match(gone, say);
  assert.match(gone, /\d+ of \d+ records are there/);
  const changed = await damage(async (db) => {
    const [[key, value] = [Buffer.alloc(0), Buffer.alloc(0)]] = await db
      .iterator({ ...blocks, limit: 1 })
      .all();
    value[10] = (value[10] ?? 0) ^ 1;
    await db.put(key, value);
  });
  assert.match(changed, say);
  assert.match(changed, /record 72[0-9a-f]{16} does not match its checksum/);
  const swapped = await damage(async (db) => {
    const [[a] = [Buffer.alloc(0)], [, b] = [0, Buffer.alloc(0)]] = await db
      .iterator({ ...blocks, limit: 2 })
      .all();
    await db.put(a, b);
  });
  assert.match(swapped, /does not match its checksum/);
});

/** An open state, and how to add megabytes to it. */
async function large(
  folder: string,
): Promise<{ disk: StateDisk; write: (megabytes: number) => Promise<void> }> {
  const disk = new StateDisk(folder);
  await disk.open();
  await disk.settle(0);
  const state = new Mvcc(disk);
  let index = 0;
  const write = async (megabytes: number): Promise<void> => {
    for (let i = 0; i < megabytes * 20; i++)
      state.write(() => state.put(Buffer.from(`key-${index}-${i}`), randomBytes(50_000), 0n));
    const record = state.takeJournal(++index, 1);
    await disk.flush([record], metaAt(record));
    state.flushed(record);
  };
  return { disk, write };
}

async function fileOf(pieces: AsyncIterable<SnapshotPiece>): Promise<Buffer> {
  const file: Buffer[] = [];
  let left: number | undefined;
  for await (const { blob, remaining } of pieces) {
    if (left !== undefined) assert.equal(remaining, left - blob.length);
    left = remaining;
    file.push(Buffer.from(blob));
  }
  return Buffer.concat(file);
}

test('a snapshot is the whole state of one moment, whoever reads it, and goes on while the state is written to', async (t) => {
  const folder = temporary(t);
  const { disk, write } = await large(folder);
  t.after(() => disk.close());
  await write(3);
  const readers = Array.from({ length: 5 }, () => disk.snapshot(systemClock)[Symbol.asyncIterator]());
  const first = await Promise.all(readers.map((reader) => reader.next()));
  // Four threads, and the main thread for who comes then.
  assert.deepEqual(
    first.map(({ value }) => (value as SnapshotPiece).room > 0),
    [true, true, true, true, false],
  );
  const copies = first.map(({ value }) => Buffer.from((value as SnapshotPiece).blob));
  await write(1);
  for (const [i, reader] of readers.entries()) {
    const rest = await fileOf({ [Symbol.asyncIterator]: () => reader });
    const path = join(folder, `${i}.snapshot`);
    writeFileSync(path, Buffer.concat([copies[i] ?? Buffer.alloc(0), rest]));
    const file = SnapshotFile.open(path);
    file.verify();
    assert.equal(file.description.meta.index, 1);
    assert.equal([...file.records()].length, file.description.tally.records);
    file.close();
  }
});

test('whoever reads a state that is closed or replaced meanwhile is told to ask again, and keeps nobody from opening it', async (t) => {
  const folder = temporary(t);
  const { disk, write } = await large(folder);
  await write(3);
  const reader = disk.snapshot(systemClock)[Symbol.asyncIterator]();
  const idle = disk.snapshot(systemClock)[Symbol.asyncIterator]();
  await Promise.all([reader.next(), idle.next()]);
  await disk.close();
  await assert.rejects(async () => {
    for (;;) if ((await reader.next()).done === true) return;
  }, GrpcError);
  // LevelDB's lock is free, although one of them never went on.
  const db = new ClassicLevel(join(folder, 'state'));
  await db.open();
  await db.close();
});

test('damage in what a state says about itself is told to whoever must not go on, too, when it is to be sent', async (t) => {
  const folder = temporary(t);
  const { disk, write } = await large(folder);
  t.after(() => disk.close());
  await write(0);
  const damage: Error[] = [];
  disk.onDamage = (error) => damage.push(error);
  const view = await disk.view();
  await view.close();
  assert.deepEqual(damage, []);
  const spoil = await openLevel(join(folder, 'state'));
  await spoil.batch([{ type: 'put', key: Buffer.from('m'), value: Buffer.from('{') }], { sync: true });
  await spoil.close();
  await assert.rejects(
    disk.view(),
    /the state in .*\/state is damaged: what it says about itself cannot be read; /,
  );
  assert.equal(damage.length, 1);
});

test('damage that is found while a snapshot is read, by a thread or without one, is told to whoever must not go on', async (t) => {
  const folder = temporary(t);
  const { disk, write } = await large(folder);
  for (let i = 0; i < 3; i++) await write(1);
  const damage: Error[] = [];
  disk.onDamage = (error) => damage.push(error);
  const whole = async (): Promise<void> => {
    for await (const { remaining } of disk.snapshot(systemClock)) if (remaining === 0) return;
  };
  await whole();
  assert.deepEqual(damage, []);
  const spoil = await openLevel(join(folder, 'state'));
  t.after(() => spoil.close());
  const blocks: Buffer[] = [];
  for await (const [key] of spoil.iterator({})) if (!isMetaKey(key)) blocks.push(key);
  const last = blocks.at(-1);
  assert.ok(last);
  await spoil.batch([{ type: 'del', key: last }], { sync: true });
  const missing = /the state in .*\/state is damaged: a snapshot of \d+ bytes came out as \d+; /;
  await assert.rejects(whole(), missing);
  assert.equal(damage.length, 1);
  // As many threads as there may be.
  const idle = Array.from({ length: 4 }, () => disk.snapshot(systemClock));
  await Promise.all(idle.map((reader) => reader.next()));
  await assert.rejects(whole(), missing);
  assert.equal(damage.length, 2);
  for (const reader of idle) await reader.return(undefined);
  await spoil.batch([{ type: 'put', key: Buffer.from('m'), value: Buffer.from('{') }], { sync: true });
  await assert.rejects(whole(), /is damaged: what it says about itself cannot be read; /);
  assert.equal(damage.length, 3);
  assert.ok(damage.every((error) => error instanceof StateCorruptError));
  await disk.close();
});

/** Databases of which the next batches fail as on a full disk: with the database's log holding them already, or not. */
function failing(folder: string, hasThem = false): Levels & { failures: number } {
  const levels = folderLevels(folder);
  const made = {
    ...levels,
    failures: 0,
    open: async (name: string): Promise<Level> => {
      const db = await levels.open(name);
      const batch = db.batch.bind(db);
      db.batch = async (operations, options) => {
        if (made.failures > 0) {
          made.failures -= 1;
          if (hasThem) await batch(operations, options);
          throw new Error('IO error: No space left on device');
        }
        await batch(operations, options);
      };
      return db;
    },
  };
  return made;
}

/** A state of which each piece of `k0` and so on is a megabyte, written and deleted whole. */
async function emptied(t: TestContext): Promise<{
  readonly disk: StateDisk;
  readonly round: (megabytes: number, written?: () => Promise<void>) => Promise<void>;
}> {
  const disk = new StateDisk(temporary(t));
  t.after(() => disk.close());
  await disk.open();
  await disk.settle(0);
  const state = new Mvcc(disk);
  let index = 0;
  const flush = async (): Promise<void> => {
    const record = state.takeJournal(++index, 1);
    await disk.flush([record], metaAt(record));
    state.flushed(record);
  };
  const round = async (megabytes: number, written?: () => Promise<void>): Promise<void> => {
    for (let i = 0; i < megabytes; i++) {
      state.write(() => state.put(Buffer.from(`k${i}`), randomBytes(1024 * 1024), 0n));
      await flush();
    }
    assert.ok(disk.tally.bytes > megabytes * 1024 * 1024);
    await written?.();
    state.write(() => state.deleteRange({ from: 'k', to: 'l' }));
    state.compact(state.revision);
    while (state.sweeping) state.sweep(32);
    await flush();
    assert.ok(disk.garbage > megabytes * 1024 * 1024);
    await disk.reclaim(() => Promise.resolve());
    assert.ok(disk.size() < 100_000, `${disk.size()} bytes of files`);
    assert.ok(disk.garbage < 1_000);
  };
  return { disk, round };
}

for (const megabytes of [1, 3, 7, 20])
  test(`what was deleted of ${megabytes} MiB leaves the files when room is given back`, async (t) => {
    await (await emptied(t)).round(megabytes);
  });

for (const megabytes of [1, 3, 7])
  test(`what was deleted of ${megabytes} MiB leaves the files when room was given back before`, async (t) => {
    const { round } = await emptied(t);
    for (let i = 0; i < 3; i++) await round(megabytes);
  });

test('what had to stay for a reader leaves the files when room is given back after it, whether something was written since or not', async (t) => {
  const { disk, round } = await emptied(t);
  const readers: StateView[] = [];
  await assert.rejects(
    round(7, async () => void readers.push(await disk.view())),
    /\d{7} bytes of files/,
  );
  for (const reader of readers) await reader.close();
  await disk.reclaim(() => Promise.resolve());
  assert.ok(disk.size() < 100_000, `${disk.size()} bytes of files`);
  await round(1);
});

test('a batch that found no room is written by the next flush, once, and everything can be read meanwhile', async (t) => {
  const folder = temporary(t);
  const levels = failing(folder);
  const disk = new StateDisk(levels);
  await disk.open();
  await disk.settle(0);
  const state = new Mvcc(disk);
  const record = (index: number): JournalRecord => {
    state.write(() => state.put(Buffer.from('k'), Buffer.from(`v${index}`), 0n));
    return state.takeJournal(index, 1);
  };
  const first = record(1);
  await disk.flush([first], metaAt(first));
  state.flushed(first);
  levels.failures = 2;
  const second = record(2);
  for (let i = 0; i < 2; i++) await assert.rejects(disk.flush([second], metaAt(second)), /No space left/);
  assert.equal(disk.isBroken, true);
  assert.equal(contents(state), 'k=v2@3');
  assert.ok(disk.read(Buffer.from('720000000000000002', 'hex')) !== undefined);
  const third = record(3);
  await disk.flush([second, third], metaAt(third));
  assert.equal(disk.isBroken, false);
  for (const written of [second, third]) state.flushed(written);
  await disk.close();
  assert.deepEqual(await recovered(folder), { index: 3, contents: 'k=v3@4' });
});

for (const [version, place] of layouts)
  for (const failures of [1, 2])
    test(`what ${failures} failed batches left in the database's log is not carried out again, described ${place}`, async (t) => {
      const folder = temporary(t);
      const levels = failing(folder, true);
      const disk = new StateDisk(levels);
      t.after(() => disk.close());
      await disk.open();
      await disk.settle(0);
      const state = new Mvcc(disk);
      const record = (index: number): JournalRecord => {
        state.write(() => state.put(Buffer.from('k'), Buffer.from(`v${index}`), 0n));
        // Users do not say what they were before.
        const user = {
          type: 'put',
          key: Buffer.from('au1'),
          value: Buffer.alloc(index * 10, index),
        } as const;
        return state.takeJournal(index, 1, [user]);
      };
      const flush = async (...records: JournalRecord[]): Promise<void> => {
        const last = records.at(-1);
        if (last !== undefined) await disk.flush(records, metaAt(last, version));
        for (const written of records) state.flushed(written);
      };
      await flush(record(1));
      levels.failures = failures;
      const failed = [record(2)];
      for (let i = 0; i < failures; i++) {
        await assert.rejects(flush(...failed), /No space left/);
        failed.push(record(3 + i));
      }
      await flush(...failed);
      // Records of the same index, without an entry: history that goes.
      levels.failures = 1;
      state.compact(state.revision);
      while (state.sweeping) state.sweep(32);
      const swept = state.takeJournal(2 + failures, 1);
      await assert.rejects(flush(swept), /No space left/);
      await flush(swept);
      assert.equal(disk.isBroken, false);
      const last = record(3 + failures);
      await flush(last);
      await disk.close();
      const want = `k=v${last.index}@${last.revision}`;
      assert.deepEqual(await recovered(folder), { index: last.index, contents: want });
      const db = await folderLevels(folder).open('state');
      t.after(() => db.close());
      // All but the last record about the state go with a batch that reaches in front of them, as users do.
      const about = (await db.iterator({}).nextv(1_000, {})).filter(([key]) => isMetaKey(key));
      assert.equal(about.length, version === metaBehindBlocksVersion ? 2 : 1);
    });

test('a state of before records had seals is brought into the new form, and then only read in that', async (t) => {
  const folder = temporary(t);
  await filled(folder, 6, () => firstVersion);
  const want = await recovered(folder);
  const db = new ClassicLevel<Buffer, Buffer>(join(folder, 'state'), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  });
  for (const [key, value] of await db.iterator().all())
    if (key.toString() === 'm') {
      const { tally: _tally, ...meta } = JSON.parse(value.toString()) as StateMeta;
      await db.put(key, Buffer.from(JSON.stringify(meta)));
    } else await db.put(key, value.subarray(0, -4));
  await db.close();
  assert.deepEqual(await recovered(folder), want);
  assert.deepEqual(await recovered(folder), want);
});

test('of two states that are received at once the one that began later is installed, whole', async (t) => {
  const disk = new StateDisk(temporary(t));
  t.after(() => disk.close());
  await disk.open();
  await disk.settle(0);
  const key = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 1]);
  const meta = (index: number): StateMeta => ({
    ...metaAt({ index, revision: index, compactRevision: 0 } as JournalRecord),
  });
  const fill = async (index: number): Promise<Awaited<ReturnType<StateDisk['incoming']['receive']>>> => {
    const builder = await disk.incoming.receive();
    await builder.add(key, Buffer.alloc(1_000, index));
    await builder.describe(meta(index));
    return builder;
  };
  const first = await fill(5);
  // It is finished when the second one begins: that takes a while, in which nothing counts on it yet.
  const finishing = first.finish();
  const second = await fill(7);
  await finishing;
  assert.throws(() => disk.incoming.keep(first), GrpcError);
  assert.equal((await second.finish()).index, 7);
  disk.incoming.keep(second);
  assert.equal((await disk.install()).index, 7);
});

test('a state that is closed while a snapshot takes its place leaves no database open', async (t) => {
  const folder = temporary(t);
  const inFolder = folderLevels(folder);
  const open = new Set<Level>();
  const counted: Levels = {
    ...inFolder,
    open: async (name) => {
      const level = await inFolder.open(name);
      open.add(level);
      const close = async (): Promise<void> => {
        await level.close();
        open.delete(level);
      };
      return new Proxy(level, {
        get: (_, key) => {
          if (key === 'close') return close;
          const value: unknown = Reflect.get(level, key);
          return typeof value === 'function' ? (value.bind(level) as unknown) : value;
        },
      });
    },
  };
  const disk = new StateDisk(counted);
  await disk.open();
  await disk.settle(0);
  const builder = await disk.incoming.receive();
  await builder.describe(metaAt({ index: 7, revision: 7, compactRevision: 0 } as JournalRecord));
  await builder.finish();
  disk.incoming.keep(builder);
  const installed = disk.install();
  await disk.close();
  assert.equal((await installed).index, 7);
  assert.equal(open.size, 0);
  // Its lock is free, and the snapshot is what is there.
  const again = new StateDisk(folder);
  await again.open();
  assert.equal((await again.settle(7))?.index, 7);
  await again.close();
});
