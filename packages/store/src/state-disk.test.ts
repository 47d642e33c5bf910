import assert from 'node:assert/strict';
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
import { join } from 'node:path';
import { test } from 'node:test';
import { GrpcError } from '@timonier/grpc';
import { ClassicLevel } from 'classic-level';
import { folderLevels, type Level, type Levels } from './levels.ts';
import type { JournalRecord } from './state-records.ts';
import { StateDisk, type StateMeta } from './state-disk.ts';
import { StateCorruptError } from './state-seal.ts';
import { atEnd } from './testing/at-end.ts';
import { firstVersion, metaBehindBlocksVersion } from './versions/entry-versions.ts';
import { filled, layouts, metaAt, recovered, temporary } from './written-states.ts';

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
  atEnd(t, () => disk.close());
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
