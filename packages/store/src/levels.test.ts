import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderLevels } from './levels.ts';
import type { DiskOperation } from './state-records.ts';

const key = (i: number): Buffer => Buffer.from(`key-${String(i).padStart(5, '0')}`);

function puts(count: number): DiskOperation[] {
  return Array.from({ length: count }, (_unused, i) => ({
    type: 'put',
    key: key(i),
    value: Buffer.alloc(100, i),
  }));
}

test('a large batch leaves turns to others while it is handed over, and is there as a whole', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'levels-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const level = await folderLevels(folder).open('state');
  let over = false;
  let turns = 0;
  let partly = 0;
  const count = 5_000;
  const look = (): void => {
    if (over) return;
    turns += 1;
    const [first, last] = [level.getSync(key(0)), level.getSync(key(count - 1))];
    // It may come between the two looks; what is there is all there.
    if (first !== undefined && last === undefined) partly += 1;
    setImmediate(look);
  };
  look();
  await level.batch(puts(count), { sync: true });
  over = true;
  // With all of it handed over at once there would be none but the first.
  assert.ok(turns > 5, `${turns} turns`);
  assert.equal(partly, 0);
  for (const i of [0, count / 2, count - 1]) assert.deepEqual(level.getSync(key(i)), Buffer.alloc(100, i));
  await level.close();
});

test('a batch on a database that is closed meanwhile fails, and nothing of it is there', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'levels-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const level = await folderLevels(folder).open('state');
  const batch = level.batch(puts(5_000), { sync: true });
  const refused = assert.rejects(batch);
  await level.close();
  await refused;
  const again = await folderLevels(folder).open('state');
  assert.equal(again.getSync(key(0)), undefined);
  await again.close();
});
