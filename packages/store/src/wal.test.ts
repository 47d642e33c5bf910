import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Entry } from '@timonier/raft';
import { crc32c } from './crc32c.ts';
import { replay } from './wal.ts';
import { WalFiles } from './wal-files.ts';
import { encodeBatch, WalCorruptError } from './wal-format.ts';

function entry(index: number, text: string, term = 1): Entry {
  return { index, term, type: 'normal', data: Buffer.from(text) };
}

function temporary(t: { after: (f: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'wal-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function write(files: WalFiles, entries: readonly Entry[], commit = 0): void {
  const hardState = { term: entries.at(-1)?.term ?? 1, vote: 'abc', commit };
  files.append([encodeBatch({ hardState, entries })], entries.at(-1)?.index ?? 0, hardState);
}

function indexes(folder: string, segmentBytes = 4096): number[] {
  const files = new WalFiles({ folder, segmentBytes });
  try {
    return replay(files.open()).entries.map(({ index }) => index);
  } finally {
    files.close();
  }
}

test('the checksum is CRC-32C and chains', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(Buffer.from('456789'), crc32c(Buffer.from('123'))), 0xe3069283);
});

test('a write that a crash cut at any byte is dropped, everything before it stays, and writing goes on', (t) => {
  const folder = temporary(t);
  const files = new WalFiles({ folder, segmentBytes: 4096 });
  files.open();
  write(files, [entry(1, 'one'), entry(2, 'two')]);
  const path = join(folder, readdirSync(folder)[0] ?? '');
  const before = readFileSync(path);
  write(files, [entry(3, 'a third entry of some length'), entry(4, 'x')], 2);
  files.close();
  const after = readFileSync(path);
  const start = before.findLastIndex((byte) => byte !== 0) + 1;
  const end = after.findLastIndex((byte) => byte !== 0) + 1;
  assert.ok(end - start > 50);
  for (let cut = start; cut < end; cut++) {
    const torn = Buffer.from(before);
    after.copy(torn, 0, 0, cut);
    writeFileSync(path, torn);
    assert.deepEqual(indexes(folder), [1, 2], `cut at ${cut}`);
    const again = new WalFiles({ folder, segmentBytes: 4096 });
    again.open();
    write(again, [entry(3, 'again')]);
    again.close();
    assert.deepEqual(indexes(folder), [1, 2, 3], `written after a cut at ${cut}`);
  }
  writeFileSync(path, after);
  assert.deepEqual(indexes(folder), [1, 2, 3, 4]);
});

test('damage to a batch that was durable is an error wherever it is, never a shorter log', (t) => {
  const folder = temporary(t);
  const files = new WalFiles({ folder, segmentBytes: 4096 });
  files.open();
  write(files, [entry(1, 'one')]);
  const path = join(folder, readdirSync(folder)[0] ?? '');
  const end = readFileSync(path).findLastIndex((byte) => byte !== 0);
  write(files, [entry(2, 'two')]);
  files.close();
  const good = readFileSync(path);
  for (let at = 0; at <= end; at++) {
    const bad = Buffer.from(good);
    bad[at] = (bad[at] ?? 0) ^ 0x40;
    writeFileSync(path, bad);
    assert.throws(() => indexes(folder), WalCorruptError, `byte ${at}`);
  }
});

test('the log rolls over segments, lets old ones go, and keeps the hard state', (t) => {
  const folder = temporary(t);
  const files = new WalFiles({ folder, segmentBytes: 1024 });
  files.open();
  for (let i = 1; i <= 40; i++) write(files, [entry(i, 'x'.repeat(100), 7)], i);
  const many = readdirSync(folder).length;
  assert.ok(many > 3);
  files.release(30);
  assert.ok(readdirSync(folder).length < many);
  files.close();
  const reopened = new WalFiles({ folder, segmentBytes: 1024 });
  const content = replay(reopened.open());
  reopened.close();
  assert.deepEqual(content.hardState, { term: 7, vote: 'abc', commit: 40 });
  assert.ok((content.entries[0]?.index ?? 99) <= 31);
  assert.equal(content.entries.at(-1)?.index, 40);
});

test('later entries cut off what they replace, and a snapshot replaces everything', () => {
  const snapshot = { index: 9, term: 2, configuration: { voters: ['a'], learners: [] } };
  const cut = replay([
    { entries: [entry(1, 'a'), entry(2, 'b'), entry(3, 'c')] },
    { entries: [entry(2, 'B', 2)] },
  ]);
  assert.deepEqual(
    cut.entries.map(({ data }) => Buffer.from(data).toString()),
    ['a', 'B'],
  );
  const replaced = replay([{ entries: [entry(1, 'a')] }, { snapshot, entries: [entry(10, 'z', 2)] }]);
  assert.deepEqual(
    replaced.entries.map(({ index }) => index),
    [10],
  );
});
