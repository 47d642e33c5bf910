import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GrpcError } from '@timonier/grpc';
import { ClassicLevel } from 'classic-level';
import { systemClock } from './clock.ts';
import { openLevel } from './levels.ts';
import { isMetaKey } from './meta-records.ts';
import { SnapshotFile, snapshotPieces, type SnapshotRecord } from './snapshot-file.ts';
import type { SnapshotPiece } from './snapshot-pieces.ts';
import type { JournalRecord } from './state-records.ts';
import { seal, StateCorruptError, TallyCounter } from './state-seal.ts';
import { atEnd } from './testing/at-end.ts';
import { large, metaAt, temporary } from './written-states.ts';

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
  atEnd(t, () => disk.close());
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
  atEnd(t, () => disk.close());
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
  const damage: string[] = [];
  disk.onDamage = ({ name }) => damage.push(name);
  const whole = async (): Promise<void> => {
    for await (const { remaining } of disk.snapshot(systemClock)) if (remaining === 0) return;
  };
  await whole();
  assert.deepEqual(damage, []);
  const spoil = await openLevel(join(folder, 'state'));
  atEnd(t, () => spoil.close());
  const blocks: Buffer[] = [];
  for await (const [key] of spoil.iterator({})) if (!isMetaKey(key)) blocks.push(key);
  const last = blocks.at(-1);
  assert.ok(last);
  await spoil.batch([{ type: 'del', key: last }], { sync: true });
  const missing =
    /the state in .*\/state is damaged: \d+ records of \d+ bytes .* are there, and not \d+ records of \d+ bytes /;
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
  assert.deepEqual(damage, Array(3).fill('StateCorruptError'));
  await disk.close();
});

test('a snapshot that is asked for while another state takes the place of this one, or behind the end, is refused', async (t) => {
  const folder = temporary(t);
  const { disk, write } = await large(folder);
  await write(1);
  const next = (): Promise<unknown> => disk.snapshot(systemClock).next();
  const builder = await disk.incoming.receive();
  await builder.describe(metaAt({ index: 7, revision: 7, compactRevision: 0 } as JournalRecord));
  await builder.finish();
  disk.incoming.keep(builder);
  const installed = disk.install();
  const replacing = { name: 'GrpcError', message: /a snapshot is being installed/ };
  await assert.rejects(next(), replacing);
  await installed;
  // Its contents are not read yet.
  await assert.rejects(next(), replacing);
  await disk.close();
  await assert.rejects(next(), replacing);
});

test('a snapshot with records that are lost, exchanged for others of their size or too short never ends', async () => {
  const record = (name: string): SnapshotRecord => {
    const key = Buffer.from(name);
    return [key, seal(key, Buffer.from(`value of ${name}`))];
  };
  const records = ['a', 'b', 'c'].map(record);
  const counter = new TallyCounter();
  for (const [key, value] of records) counter.add(key, value);
  const meta = metaAt({ index: 1, revision: 1, compactRevision: 0 } as JournalRecord);
  const description = { taken: '2026-01-01T00:00:00Z', meta, tally: counter.tally };
  const sizeOf = async (given: readonly SnapshotRecord[]): Promise<number> => {
    // The memory of values is given away.
    const chunk = given.map(([key, value]): SnapshotRecord => [key, Buffer.from(value)]);
    let bytes = 0;
    // oxlint-disable-next-line typescript/require-await
    for await (const piece of snapshotPieces(
      description,
      (async function* () {
        yield chunk;
      })(),
    ))
      bytes += piece.length;
    return bytes;
  };
  assert.equal((await sizeOf(records)) % 512, 32);
  const [a, b] = records as [SnapshotRecord, SnapshotRecord];
  await assert.rejects(sizeOf([a, b]), StateCorruptError);
  await assert.rejects(sizeOf([a, b, record('d')]), StateCorruptError);
  await assert.rejects(sizeOf([a, b, [Buffer.from('c'), Buffer.from('x')]]), /record 63 has no checksum/);
});
