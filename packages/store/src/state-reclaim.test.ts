import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { Mvcc } from './mvcc.ts';
import { StateDisk } from './state-disk.ts';
import type { StateView } from './state-view.ts';
import { atEnd } from './testing/at-end.ts';
import { metaAt, temporary } from './written-states.ts';

/** A state of which each piece of `k0` and so on is a megabyte, written and deleted whole. */
async function emptied(t: TestContext): Promise<{
  readonly disk: StateDisk;
  readonly round: (megabytes: number, written?: () => Promise<void>) => Promise<void>;
}> {
  const disk = new StateDisk(temporary(t));
  atEnd(t, () => disk.close());
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
