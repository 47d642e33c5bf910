import assert from 'node:assert/strict';
import { test } from 'node:test';
import { folderLevels, type Level, type Levels } from './levels.ts';
import { isMetaKey } from './meta-records.ts';
import { Mvcc } from './mvcc.ts';
import type { JournalRecord } from './state-records.ts';
import { StateDisk } from './state-disk.ts';
import { atEnd } from './testing/at-end.ts';
import { metaBehindBlocksVersion } from './versions/entry-versions.ts';
import { contents, layouts, metaAt, recovered, temporary } from './written-states.ts';

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
      atEnd(t, () => disk.close());
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
      atEnd(t, () => db.close());
      // All but the last record about the state go with a batch that reaches in front of them, as users do.
      const about = (await db.iterator({}).nextv(1_000, {})).filter(([key]) => isMetaKey(key));
      assert.equal(about.length, version === metaBehindBlocksVersion ? 2 : 1);
    });
