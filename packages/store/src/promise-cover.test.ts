import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PromiseCover } from './promise-cover.ts';
import { folderPromises, openPromiseCover, readPromiseFile, writePromiseFile } from './promise-file.ts';

/** A disk that finishes a record when it is told to. */
function slowDisk(): {
  records: number[];
  finish: (error?: Error) => void;
  record: (ms: number, done: (error?: Error) => void) => void;
} {
  const waiting: ((error?: Error) => void)[] = [];
  const records: number[] = [];
  return {
    records,
    finish: (error) => waiting.shift()?.(error),
    record: (ms, done) => {
      records.push(ms);
      waiting.push(done);
    },
  };
}

test('a longer promise is made only when the disk has its bound', () => {
  const disk = slowDisk();
  const cover = new PromiseCover({ recordedMs: 400, record: disk.record });
  cover.follow(390, 0);
  assert.deepEqual(disk.records, []);
  cover.follow(610, 10);
  cover.follow(650, 20);
  assert.deepEqual(disk.records, [700]);
  assert.equal(cover.boundMs, 400);
  disk.finish();
  assert.equal(cover.boundMs, 700);
});

test('the bound falls to the highest recent need, first in memory and then on disk', () => {
  const disk = slowDisk();
  const cover = new PromiseCover({ recordedMs: 1500, record: disk.record });
  for (let now = 0; now < 10_000; now += 50) cover.follow(now === 5_000 ? 520 : 390, now);
  assert.equal(cover.boundMs, 1500);
  cover.follow(390, 10_000);
  assert.equal(cover.boundMs, 600);
  assert.deepEqual(disk.records, [600]);
});

test('a bound that is needed again starts the calm anew', () => {
  const disk = slowDisk();
  const cover = new PromiseCover({ recordedMs: 800, record: disk.record });
  for (let now = 0; now <= 30_000; now += 50) cover.follow(now % 9_000 === 0 ? 800 : 300, now);
  assert.equal(cover.boundMs, 800);
});

test('a record that fails is tried again, not with every tick, and promises stay short meanwhile', () => {
  const disk = slowDisk();
  const cover = new PromiseCover({ recordedMs: 400, record: disk.record });
  cover.follow(900, 0);
  disk.finish(new Error('ENOSPC'));
  for (let now = 50; now <= 1_050; now += 50) cover.follow(900, now);
  assert.deepEqual(disk.records, [900, 900]);
  assert.equal(cover.boundMs, 400);
});

test('the file of a crashed member tells how long it has to stand aside', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'promise-'));
  const usual = { usualMs: 390, ceilingMs: 1500 };
  try {
    const first = await openPromiseCover(folderPromises(dir), { fresh: true, ...usual });
    assert.equal(first.earlierMs, 0);
    assert.equal(readPromiseFile(dir), 390);
    await writePromiseFile(dir, 700);
    const second = await openPromiseCover(folderPromises(dir), { fresh: false, ...usual });
    assert.equal(second.earlierMs, 700);
    assert.equal(second.cover.boundMs, 700);
    const text = await readFile(join(dir, 'promise'), 'utf8');
    for (const damaged of [text.replace('7', '1'), text.slice(0, -1), '', 'x'.repeat(100)]) {
      await writeFile(join(dir, 'promise'), damaged);
      assert.equal(
        (await openPromiseCover(folderPromises(dir), { fresh: false, ...usual })).earlierMs,
        1500,
        damaged,
      );
    }
  } finally {
    await rm(dir, { recursive: true });
  }
});
