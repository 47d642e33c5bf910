import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { folderLevels, type Levels } from './levels.ts';
import { metaKey } from './meta-records.ts';
import { Mvcc } from './mvcc.ts';
import { StateBuilder } from './state-builder.ts';
import { StateDisk } from './state-disk.ts';
import type { StateMeta } from './state-meta.ts';
import { leaseKey, leaseValue } from './state-records.ts';
import { StateCorruptError } from './state-seal.ts';
import { metaBehindBlocksVersion } from './versions/entry-versions.ts';

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'places-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function metaAt(index: number): StateMeta {
  return {
    clusterVersion: metaBehindBlocksVersion,
    cluster: 'c',
    index,
    term: 1,
    revision: 1,
    compactRevision: 0,
    configuration: { voters: ['a'], learners: [] },
    members: [],
  };
}

/** Puts a state there that ends with the entry, and holds a lease of as many seconds. */
async function put(folder: string, name: string, index: number): Promise<void> {
  const builder = new StateBuilder(() => folderLevels(folder).open(name));
  await builder.add(leaseKey(1n), leaseValue(index));
  await builder.describe(metaAt(index));
  await builder.finish();
}

/** The same of a release that had no seals. */
async function putUnsealed(folder: string, name: string, index: number): Promise<void> {
  const db = await folderLevels(folder).open(name);
  await db.batch(
    [
      { type: 'put', key: leaseKey(1n), value: leaseValue(index) },
      { type: 'put', key: metaKey, value: Buffer.from(JSON.stringify(metaAt(index))) },
    ],
    { sync: true },
  );
  await db.close();
}

/** What a start finds: the last entry, and the seconds of the lease. */
async function found(levels: string | Levels, snapshotIndex: number): Promise<(number | undefined)[]> {
  const disk = new StateDisk(levels);
  try {
    await disk.open();
    const meta = await disk.settle(snapshotIndex);
    const state = new Mvcc(disk);
    if (meta !== undefined) await disk.load(state, meta);
    return [meta?.index, state.leases.get(1n)?.ttl];
  } finally {
    await disk.close();
  }
}

/** A folder whose process is killed instead of a rename, after so many others. */
function killedAfter(folder: string, renames: number): Levels {
  const levels = folderLevels(folder);
  let left = renames;
  return {
    ...levels,
    rename: (from, to) => {
      if (left-- === 0) throw new Error('killed');
      levels.rename(from, to);
    },
  };
}

for (const renames of [0, 1])
  test(`a state that is brought into a new form outlives a crash after ${renames} of the renames, and a second one`, async (t) => {
    const folder = temporary(t);
    await putUnsealed(folder, 'state', 5);
    for (let crash = 0; crash < 2; crash++) {
      await assert.rejects(found(killedAfter(folder, renames + crash), 0), /killed/);
      assert.equal(existsSync(join(folder, 'state')), renames + crash === 0);
    }
    assert.deepEqual(await found(folder, 0), [5, 5]);
    assert.equal(existsSync(join(folder, 'state.old')), false);
    assert.deepEqual(await found(folder, 0), [5, 5]);
  });

for (const renames of [0, 1])
  for (const [snapshotIndex, wanted] of [
    [9, 'which the log counts on, takes its place'],
    [0, 'which nothing counts on, is dropped'],
  ] as const)
    test(`a received state ${wanted} after a crash that left ${renames} of the renames`, async (t) => {
      const folder = temporary(t);
      await put(folder, 'state', 5);
      await put(folder, 'state.incoming', 9);
      await assert.rejects(found(killedAfter(folder, renames), 9), /killed/);
      assert.equal(existsSync(join(folder, 'state.old')), renames === 1);
      assert.deepEqual(await found(folder, snapshotIndex), snapshotIndex === 9 ? [9, 9] : [5, 5]);
      for (const rest of ['state.old', 'state.incoming']) assert.equal(existsSync(join(folder, rest)), false);
    });

async function damageIncoming(folder: string): Promise<void> {
  await putUnsealed(folder, 'state.incoming', 9);
  const db = await folderLevels(folder).open('state.incoming');
  await db.batch([{ type: 'put', key: metaKey, value: Buffer.from('{"index":') }], { sync: true });
  await db.close();
}

test('a damaged rest of a received state that nothing can count on keeps no member from starting', async (t) => {
  const folder = temporary(t);
  await put(folder, 'state', 9);
  for (const snapshotIndex of [0, 4, 9]) {
    await damageIncoming(folder);
    assert.deepEqual(await found(folder, snapshotIndex), [9, 9]);
    assert.equal(existsSync(join(folder, 'state.incoming')), false);
  }
});

test('a damaged received state that the log counts on is named, left alone, and there is advice', async (t) => {
  const folder = temporary(t);
  await put(folder, 'state', 5);
  await damageIncoming(folder);
  for (let start = 0; start < 2; start++)
    await assert.rejects(found(folder, 9), (error) => {
      assert.ok(error instanceof StateCorruptError);
      assert.match(error.message, /places-.*\/state\.incoming, .* is damaged: .*etcdctl member remove/);
      return true;
    });
  assert.ok(existsSync(join(folder, 'state.incoming')));
});

test('a received state takes the place of a damaged one where the log counts on it', async (t) => {
  const folder = temporary(t);
  await put(folder, 'state.incoming', 9);
  const db = await folderLevels(folder).open('state');
  await db.batch([{ type: 'put', key: metaKey, value: Buffer.from('{"index":') }], { sync: true });
  await db.close();
  await assert.rejects(found(folder, 10), /\/state is damaged/);
  await put(folder, 'state.incoming', 9);
  assert.deepEqual(await found(folder, 9), [9, 9]);
});
