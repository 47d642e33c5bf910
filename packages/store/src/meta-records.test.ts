import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openLevel, type Level } from './levels.ts';
import { describing, isEmpty, isMetaKey, metaKey, type MetaKeys, readMeta } from './meta-records.ts';
import type { StateMeta } from './state-meta.ts';
import { type DiskOperation, isBlockKey, leaseKey, revisionKey } from './state-records.ts';
import { emptyTally, StateCorruptError } from './state-seal.ts';
import { atEnd } from './testing/at-end.ts';
import { leaseCheckpointVersion, metaBehindBlocksVersion } from './versions/entry-versions.ts';

function metaAt(index: number, revision: number, clusterVersion?: number): StateMeta {
  return {
    cluster: 'c',
    index,
    term: 1,
    revision,
    compactRevision: 0,
    configuration: { voters: ['a'], learners: [] },
    members: [],
    tally: emptyTally,
    ...(clusterVersion === undefined ? {} : { clusterVersion }),
  };
}

const block = (revision: number): DiskOperation => ({
  type: 'put',
  key: revisionKey(revision),
  value: Buffer.from('contents'),
});

async function open(t: TestContext): Promise<Level> {
  const folder = mkdtempSync(join(tmpdir(), 'meta-'));
  atEnd(t, () => rmSync(folder, { recursive: true, force: true }));
  const level = await openLevel(join(folder, 'state'));
  atEnd(t, () => level.close());
  return level;
}

/** Writes batches as a state does, and keeps what it keeps between them. */
class Writer {
  readonly level: Level;
  keys: MetaKeys = [];

  constructor(level: Level) {
    this.level = level;
  }

  async write(meta: StateMeta, ...batch: DiskOperation[]): Promise<void> {
    const { operations, keys } = describing(meta, this.keys, batch);
    await this.level.batch([...batch, ...operations], { sync: false });
    this.keys = keys;
  }

  async found(): Promise<{ readonly index: number | undefined; readonly keys: string[] }> {
    const keys: string[] = [];
    for await (const [key] of this.level.iterator({}))
      if (isMetaKey(key) && !key.equals(metaKey)) keys.push(key.toString('hex'));
    assert.deepEqual(
      this.keys.map((key) => key.toString('hex')),
      keys,
      'what it keeps is what is there',
    );
    return { index: (await readMeta(this.level))?.index, keys };
  }
}

test('the record lies in front of blocks until all members know better, and behind them from then on', async (t) => {
  const w = new Writer(await open(t));
  assert.equal(await readMeta(w.level), undefined);
  assert.equal(await isEmpty(w.level), true);
  await w.write(metaAt(1, 2), block(2));
  await w.write(metaAt(2, 3, leaseCheckpointVersion), block(3));
  assert.deepEqual(await w.found(), { index: 2, keys: [] });
  await w.write(metaAt(3, 4, metaBehindBlocksVersion), block(4));
  const behind = (revision: number, index: number): string =>
    revisionKey(revision).toString('hex') + index.toString(16).padStart(16, '0');
  assert.deepEqual(await w.found(), { index: 3, keys: [behind(4, 3)] });
  await w.write(metaAt(4, 5, metaBehindBlocksVersion), block(5));
  await w.write(metaAt(5, 5, metaBehindBlocksVersion));
  assert.deepEqual(await w.found(), { index: 5, keys: [behind(4, 3), behind(5, 4), behind(5, 5)] });
  // A caller that says nothing of versions does not take it back.
  await w.write(metaAt(6, 6), block(6));
  assert.deepEqual((await w.found()).index, 6);
  assert.equal(await isEmpty(w.level), false);
});

test('releases that do not know of it find a whole record of a version of the log that they refuse', async (t) => {
  const w = new Writer(await open(t));
  await w.write(metaAt(1, 2), block(2));
  await w.write(metaAt(2, 3, metaBehindBlocksVersion), block(3));
  await w.write(metaAt(3, 4, metaBehindBlocksVersion), block(4));
  const { behindBlocks, ...rest } = JSON.parse(String(w.level.getSync(metaKey))) as Record<string, unknown>;
  assert.equal(behindBlocks, true);
  assert.deepEqual(rest, { ...metaAt(2, 3), clusterVersion: metaBehindBlocksVersion });
});

test('earlier records go with a batch that reaches in front of the last one, and with no other', async (t) => {
  const w = new Writer(await open(t));
  const meta = (index: number, revision: number): StateMeta =>
    metaAt(index, revision, metaBehindBlocksVersion);
  for (let i = 1; i <= 5; i++) await w.write(meta(i, i + 1), block(i + 1));
  assert.equal((await w.found()).keys.length, 5);
  await w.write(meta(6, 7), block(7), { type: 'put', key: leaseKey(7n), value: Buffer.alloc(8) });
  assert.deepEqual((await w.found()).keys.length, 1);
  await w.write(meta(7, 8), block(8));
  await w.write(meta(8, 9), block(9));
  // History that was compacted goes with the same log entry as what is on disk.
  await w.write(meta(8, 9), { type: 'del', key: revisionKey(2) });
  assert.deepEqual(await w.found(), {
    index: 8,
    keys: [`${revisionKey(9).toString('hex')}${'8'.padStart(16, '0')}`],
  });
});

test('there are never more than a thousand or so of them', async (t) => {
  const w = new Writer(await open(t));
  let most = 0;
  for (let i = 1; i <= 2_500; i++) {
    await w.write(metaAt(i, i + 1, metaBehindBlocksVersion), block(i + 1));
    most = Math.max(most, w.keys.length);
  }
  assert.equal(most, 1_000);
  assert.equal((await w.found()).index, 2_500);
});

test('no record behind blocks is taken for a block, nor for one of a later revision', () => {
  const { operations } = describing(metaAt(2 ** 40, 7, metaBehindBlocksVersion), [revisionKey(1)], []);
  const key = operations[0]?.key ?? Buffer.alloc(0);
  assert.ok(isMetaKey(key) && !isBlockKey(key));
  assert.ok(key.compare(revisionKey(7)) > 0 && key.compare(revisionKey(8)) < 0);
});

test('a record that is damaged, gone or no JSON is never taken for another one', async (t) => {
  const w = new Writer(await open(t));
  for (let i = 1; i <= 3; i++) await w.write(metaAt(i, i + 1, metaBehindBlocksVersion), block(i + 1));
  const last = w.keys.at(-1) ?? metaKey;
  const value = w.level.getSync(last) ?? Buffer.alloc(0);
  const spoilt = Buffer.from(value);
  spoilt[12] = (spoilt[12] ?? 0) ^ 1;
  await w.level.batch([{ type: 'put', key: last, value: spoilt }], { sync: false });
  await assert.rejects(readMeta(w.level), StateCorruptError);
  // A block behind it: the batch that wrote that wrote a record too.
  await w.level.batch([{ type: 'del', key: last }], { sync: false });
  await assert.rejects(readMeta(w.level), /what it says about itself is gone/);
  await w.level.batch([{ type: 'put', key: metaKey, value: Buffer.from('{"clust') }], { sync: false });
  await assert.rejects(readMeta(w.level), /cannot be read/);
});
