import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LogMailbox } from './log-mailbox.ts';
import { replay, Wal } from './wal.ts';
import { WalFiles } from './wal-files.ts';

test('what is put into the slot comes out whole, and the slot takes nothing while it is full', () => {
  const main = new LogMailbox();
  const thread = new LogMailbox(main.memory);
  const batch = new Uint8Array([1, 2, 3]).buffer;
  const append = { type: 'append', ticket: 7, lastIndex: 2 ** 40, batch } as const;
  assert.equal(main.put({ ...append, hardState: { term: 3, vote: 'ä', commit: 2 ** 41 } }), true);
  assert.equal(main.put({ ...append, hardState: undefined }), false);
  thread.wait();
  assert.deepEqual(thread.take(), {
    type: 'append',
    ticket: 7,
    lastIndex: 2 ** 40,
    bytes: Buffer.from([1, 2, 3]),
    hardState: { term: 3, vote: 'ä', commit: 2 ** 41 },
  });
  thread.done(1.5);
  assert.equal(main.syncMs, 1.5);
  assert.equal(thread.take(), undefined);
  assert.equal(main.put({ ...append, hardState: { term: 3, vote: null, commit: 1 } }), true);
  assert.equal(thread.take()?.hardState?.vote, null);
  thread.done(0);
  assert.equal(main.put({ ...append, hardState: undefined }), true);
  assert.equal(thread.take()?.hardState, undefined);
});

test('while a message waits in the port the slot is not used, so that nothing overtakes it', () => {
  const main = new LogMailbox();
  const thread = new LogMailbox(main.memory);
  const append = {
    type: 'append',
    ticket: 1,
    lastIndex: 1,
    batch: new ArrayBuffer(8),
    hardState: undefined,
  } as const;
  main.posted();
  assert.equal(main.put(append), false);
  thread.tookMessage();
  assert.equal(main.put(append), true);
});

test('small and large writes become durable in the order they were made, and the log ends when it is closed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'log-mailbox-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const tickets: number[] = [];
  let told: () => void = () => undefined;
  const { wal } = Wal.open({
    folder,
    segmentBytes: 4 * 1024 * 1024,
    onDurable: (ticket) => {
      tickets.push(ticket);
      told();
    },
    onFailure: (error) => assert.fail(error),
  });
  // Beyond what the slot holds, and beyond a segment.
  const sizes = [10, 1_500_000, 20, 5_000_000, 30, 40];
  for (const [i, size] of sizes.entries()) {
    const durable = new Promise<void>((resolve) => (told = resolve));
    wal.append({ entries: [{ index: i + 1, term: 1, type: 'normal', data: Buffer.alloc(size, i) }] });
    if (i === 2) wal.release(1);
    await durable;
  }
  // Two more that nobody waits for: closing writes them.
  for (const index of [7, 8])
    wal.append({ entries: [{ index, term: 1, type: 'normal', data: Buffer.from(`${index}`) }] });
  await wal.close();
  assert.deepEqual(tickets.slice(0, 6), [1, 2, 3, 4, 5, 6]);
  const files = new WalFiles({ folder, segmentBytes: 4 * 1024 * 1024 });
  const { entries } = replay(files.open());
  files.close();
  assert.equal(entries.at(-1)?.index, 8);
  const fifth = entries.find(({ index }) => index === 5);
  assert.deepEqual(fifth?.data, Buffer.alloc(30, 4));
});
