import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Entry } from '@timonier/raft';
import { crc32c } from './crc32c.ts';
import { isDiskFull } from './disk-room.ts';
import { folderDisk, type LogDisk, type LogFile } from './log-disk.ts';
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

/** A log whose last batch, from byte `start` to byte `end`, has some sectors of zeros in it. */
function logWithZeros(t: { after: (f: () => void) => void }): {
  folder: string;
  path: string;
  before: Buffer;
  after: Buffer;
  start: number;
  end: number;
} {
  const folder = temporary(t);
  const files = new WalFiles({ folder, segmentBytes: 8192 });
  files.open();
  write(files, [entry(1, 'one'), entry(2, 'x'.repeat(430))]);
  const path = join(folder, readdirSync(folder)[0] ?? '');
  const before = readFileSync(path);
  write(files, [entry(3, 'a'.repeat(1500)), entry(4, '\0'.repeat(1600)), entry(5, `z${'\0'.repeat(40)}`)], 2);
  files.close();
  const after = readFileSync(path);
  const edge = (file: Buffer): number => file.findLastIndex((byte) => byte !== 0) + 1;
  return { folder, path, before, after, start: edge(before), end: edge(after) };
}

test('a batch of which any sectors were never written is dropped and the log goes on, whatever else it holds', (t) => {
  const { folder, path, before, after, start, end } = logWithZeros(t);
  const sectors: [number, number][] = [];
  for (let from = start; from < end;) {
    const to = Math.min(end, from + 512 - (from % 512));
    if (after.subarray(from, to).some((byte) => byte !== 0)) sectors.push([from, to]);
    from = to;
  }
  assert.ok(sectors.length >= 4);
  for (let lost = 1; lost < 1 << sectors.length; lost++) {
    const torn = Buffer.from(after);
    for (const [i, [from, to]] of sectors.entries()) if ((lost >> i) & 1) before.copy(torn, from, from, to);
    writeFileSync(path, torn);
    assert.deepEqual(indexes(folder, 8192), [1, 2], `lost ${lost.toString(2)}`);
    const again = new WalFiles({ folder, segmentBytes: 8192 });
    again.open();
    write(again, [entry(3, 'again')]);
    again.close();
    assert.deepEqual(indexes(folder, 8192), [1, 2, 3], `written after ${lost.toString(2)} were lost`);
  }
});

test('a flipped bit anywhere in the log is found, in the last batch too, and nothing is cut off', (t) => {
  const { folder, path, after, end } = logWithZeros(t);
  for (let at = 0; at < end; at++) {
    const bad = Buffer.from(after);
    bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
    writeFileSync(path, bad);
    assert.throws(() => indexes(folder, 8192), WalCorruptError, `byte ${at}`);
    assert.deepEqual(readFileSync(path), bad, 'left as it was');
  }
  // Behind the end nothing was ever written: what is there now is no loss.
  const noise = Buffer.from(after);
  noise[end + 100] = 1;
  writeFileSync(path, noise);
  assert.deepEqual(indexes(folder, 8192), [1, 2, 3, 4, 5]);
});

/** A disk with so much room; `free` may be changed. */
class SmallDisk implements LogDisk {
  readonly #disk: LogDisk;
  free: number;
  readonly folder: string;

  constructor(folder: string, free: number) {
    this.folder = folder;
    this.#disk = folderDisk(folder);
    this.free = free;
  }

  #limited(file: LogFile): LogFile {
    let size = 0;
    return {
      ...file,
      write: (bytes, at) => {
        const more = Math.max(0, at + bytes.length - size);
        const room = Math.min(more, this.free);
        this.free -= room;
        size += room;
        // As the system does: what fits is written.
        file.write(bytes.subarray(0, bytes.length - (more - room)), at);
        if (room < more)
          throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      },
      sync: () => file.sync(),
      close: () => file.close(),
    };
  }

  list(): string[] {
    return this.#disk.list();
  }
  read(name: string): Buffer {
    return this.#disk.read(name);
  }
  open(name: string): LogFile {
    return this.#disk.open(name);
  }
  create(name: string): LogFile {
    return this.#limited(this.#disk.create(name));
  }
  syncEntry(name: string): void {
    this.#disk.syncEntry(name);
  }
  remove(name: string): void {
    this.free += this.#disk.read(name).length;
    this.#disk.remove(name);
  }
}

test('a write that finds no room changes nothing, goes through once there is some, and a segment made ahead of use lasts until then', (t) => {
  const folder = temporary(t);
  const disk = new SmallDisk(folder, 3 * 1024);
  const files = new WalFiles({ folder, segmentBytes: 1024, disk });
  files.open();
  let index = 0;
  const add = (): void => {
    write(files, [entry(index + 1, 'x'.repeat(200))], index);
    index += 1;
  };
  add();
  assert.equal(files.prepare(), 'ready');
  assert.equal(readdirSync(folder).length, 2);
  disk.free = 0;
  for (let i = 0; i < 5; i++) add();
  const full = (error: unknown): boolean => isDiskFull(error);
  assert.throws(() => {
    for (let i = 0; i < 5; i++) add();
  }, full);
  const written = index;
  assert.throws(add, full);
  assert.equal(files.prepare(), 'no-room');
  disk.free = 500;
  assert.throws(add, full);
  assert.equal(indexes(folder, 1024).at(-1), written, 'what was acknowledged is there');
  disk.free = 100_000;
  for (let i = 0; i < 20; i++) add();
  files.close();
  assert.deepEqual(
    indexes(folder, 1024),
    Array.from({ length: index }, (_, i) => i + 1),
  );
});

test('a failed sync is no lack of room, whatever reason it gives', () => {
  const error = (code: string, syscall: string): Error => Object.assign(new Error(code), { code, syscall });
  assert.equal(isDiskFull(error('ENOSPC', 'write')), true);
  assert.equal(isDiskFull(error('EDQUOT', 'write')), true);
  assert.equal(
    isDiskFull(new Error('batch', { cause: new Error('IO error: No space left on device') })),
    true,
  );
  assert.equal(isDiskFull(error('ENOSPC', 'fdatasync')), false);
  assert.equal(isDiskFull(error('ENOSPC', 'fsync')), false);
  assert.equal(isDiskFull(error('EIO', 'write')), false);
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

test('what a killed process wrote is synced before anything counts on it', (t) => {
  const folder = temporary(t);
  const files = new WalFiles({ folder, segmentBytes: 4096 });
  files.open();
  write(files, [entry(1, 'one')]);
  files.close();
  const calls: string[] = [];
  const real = folderDisk(folder);
  const disk: LogDisk = {
    ...real,
    open: (name): LogFile => {
      const file = real.open(name);
      return {
        write: (bytes, at) => {
          calls.push('write');
          file.write(bytes, at);
        },
        sync: () => {
          calls.push('sync');
          file.sync();
        },
        close: () => file.close(),
      };
    },
  };
  const again = new WalFiles({ folder, segmentBytes: 4096, disk });
  assert.equal(replay(again.open()).entries.length, 1);
  assert.deepEqual(calls, ['sync']);
  again.close();
});
