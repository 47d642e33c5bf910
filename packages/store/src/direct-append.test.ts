import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { DirectAppend } from './direct-append.ts';
import { folderDisk, type LogDisk } from './log-disk.ts';
import { LogTail } from './log-tail.ts';
import type { Append } from './log-requests.ts';
import type { LogThread } from './log-thread.ts';
import type { SyncPlace } from './sync-place.ts';
import { replay, Wal } from './wal.ts';
import { WalFiles } from './wal-files.ts';
import { encodeBatch } from './wal-format.ts';

const segmentBytes = 4096;

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'direct-append-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function append(index: number, size = 300): Append {
  const hardState = { term: 1 + Math.floor(index / 10), vote: `voter-${index}`, commit: index - 1 };
  const { term } = hardState;
  const entries = [{ index, term, type: 'normal' as const, data: Buffer.alloc(size, index) }];
  const batch = encodeBatch({ hardState, entries }).buffer as ArrayBuffer;
  return { type: 'append', ticket: index, batch, lastIndex: index, hardState };
}

test('two that write by turns make one log, over all its segments', (t) => {
  const folder = temporary(t);
  const tail = new LogTail();
  const files = new WalFiles({ folder, segmentBytes }, tail);
  files.open();
  // As a worker has it: the same memory, seen through another object.
  const direct = new DirectAppend(new LogTail(tail.memory), { folder, segmentBytes });
  let written = 0;
  for (let index = 1; index <= 200; index++) {
    const request = append(index);
    // A new segment is for the log's own thread, and so is now and then another one.
    if (index % 7 !== 0 && direct.append(request)) written += 1;
    else files.append([Buffer.from(request.batch)], index, request.hardState);
    if (index % 50 === 0) files.release(index - 40);
  }
  assert.ok(written > 100, `${written}`);
  direct.close();
  files.close();
  const again = new WalFiles({ folder, segmentBytes });
  const content = replay(again.open());
  again.close();
  assert.deepEqual(content.hardState, append(200).hardState);
  const found = content.entries.map(({ index }) => index);
  const first = found[0] ?? 0;
  // Released is what no segment needs, and nothing that was not allowed to go.
  assert.ok(first > 1 && first <= 161, `${first}`);
  assert.deepEqual(
    found,
    Array.from({ length: 201 - first }, (_unused, i) => first + i),
  );
});

test('a direct write is synced before it counts, and one that finds no room is left to the thread', (t) => {
  const folder = temporary(t);
  const real = folderDisk(folder);
  const calls: string[] = [];
  let full = false;
  const disk: LogDisk = {
    ...real,
    open: (name) => {
      const file = real.open(name);
      return {
        write: (bytes, at) => {
          if (full) throw Object.assign(new Error('no room'), { code: 'ENOSPC', syscall: 'write' });
          file.write(bytes, at);
          calls.push('write');
        },
        sync: () => {
          file.sync();
          calls.push('sync');
        },
        close: () => file.close(),
      };
    },
  };
  const tail = new LogTail();
  const files = new WalFiles({ folder, segmentBytes }, tail);
  files.open();
  files.append([Buffer.from(append(1).batch)], 1, undefined);
  const direct = new DirectAppend(tail, { folder, segmentBytes, disk });
  assert.ok(direct.append(append(2)));
  assert.deepEqual(calls, ['write', 'sync']);
  const { offset } = tail;
  full = true;
  assert.equal(direct.append(append(3)), false);
  assert.equal(tail.offset, offset);
  files.append([Buffer.from(append(3).batch)], 3, undefined);
  direct.close();
  files.close();
  const again = new WalFiles({ folder, segmentBytes });
  assert.deepEqual(
    replay(again.open()).entries.map(({ index }) => index),
    [1, 2, 3],
  );
  again.close();
});

const quickDisk: SyncPlace = { place: 'main thread', debtMs: 0, fineMs: 50 };

/** A log whose thread only notes what it is asked for. */
function watched(
  t: TestContext,
  appendHere: (request: Append, answer: (syncMs: number) => void) => boolean,
): { wal: Wal; posted: number[]; durable: number[]; failures: string[] } {
  const posted: number[] = [];
  const durable: number[] = [];
  const failures: string[] = [];
  const { wal } = Wal.open({
    folder: temporary(t),
    segmentBytes,
    place: quickDisk,
    onDurable: (ticket) => durable.push(ticket),
    onFailure: ({ message }) => failures.push(message),
    startThread: (_files, events): LogThread => ({
      post: (request) => {
        if (request.type === 'append') posted.push(request.ticket);
      },
      appendHere: (request) =>
        appendHere(request, (syncMs) => events.onAnswer({ type: 'durable', ticket: request.ticket, syncMs })),
      end: () => Promise.resolve(),
    }),
  });
  return { wal, posted, durable, failures };
}

function entries(index: number, size = 300): { entries: Parameters<Wal['append']>[0]['entries'] } {
  return { entries: [{ index, term: 1, type: 'normal', data: Buffer.alloc(size) }] };
}

test('what one turn appends is one direct write after it, and after a stall the next is for the thread', async (t) => {
  const seen: number[] = [];
  let syncMs = 0.1;
  const { wal, posted, durable } = watched(t, (request, answer) => {
    seen.push(request.ticket);
    answer(syncMs);
    return true;
  });
  wal.append(entries(1));
  wal.append(entries(2));
  assert.equal(seen.length, 0, 'the turn goes on first');
  await Promise.resolve();
  assert.deepEqual([seen, durable], [[2], [2]]);
  wal.append(entries(3, 5_000));
  await Promise.resolve();
  assert.deepEqual([seen, posted], [[2], [3]], 'a large one is for the thread');
  const other = watched(t, (request, answer) => {
    seen.push(request.ticket);
    answer(syncMs);
    return true;
  });
  syncMs = 2_000;
  other.wal.append(entries(1));
  await Promise.resolve();
  other.wal.append(entries(2));
  assert.deepEqual([other.durable, other.posted], [[1], [2]]);
});

test('a thread that is busy gets the write, and a direct write that fails ends the log', async (t) => {
  const busy = watched(t, () => false);
  busy.wal.append(entries(1));
  await Promise.resolve();
  assert.deepEqual(busy.posted, [1]);
  const broken = watched(t, () => {
    throw new Error('EIO');
  });
  broken.wal.append(entries(1));
  await Promise.resolve();
  broken.wal.append(entries(2));
  await Promise.resolve();
  assert.deepEqual([broken.durable, broken.posted], [[], []]);
  assert.deepEqual(broken.failures, ['write-ahead log failed: Error: EIO']);
});
