import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inbox } from './inbox.ts';
import { message } from './memory-peer.ts';

const most = 1024 * 1024;

function fed(bytes: Buffer, piece: number): Inbox {
  const inbox = new Inbox();
  for (let at = 0; at < bytes.length; at += piece) inbox.push(bytes, at, Math.min(bytes.length, at + piece));
  return inbox;
}

test('messages come out whole and in order, however they were cut', () => {
  const bodies = [Buffer.from('first'), Buffer.alloc(20_000, 1), Buffer.alloc(0), Buffer.alloc(9_000, 2)];
  const bytes = Buffer.concat(bodies.map((body) => message(body)));
  for (const piece of [1, 7, 1_000, bytes.length]) {
    const inbox = fed(bytes, piece);
    for (const body of bodies) assert.deepEqual(inbox.take(most), body);
    assert.equal(inbox.take(most), undefined);
    assert.equal(inbox.length, 0);
  }
});

test('a large message behind which nothing waits takes its memory along, and what comes next leaves it alone', () => {
  const body = Buffer.alloc(100_000, 1);
  const inbox = fed(message(body), 16_384);
  const taken = inbox.take(most);
  assert.ok(taken !== undefined && taken.byteOffset > 0, 'it was copied');
  inbox.push(Buffer.alloc(200_000, 2), 0, 200_000);
  assert.deepEqual(taken, body);
});

test('a large message before another one is a copy', () => {
  const inbox = fed(Buffer.concat([message(Buffer.alloc(100_000, 1)), message('next')]), 16_384);
  const taken = inbox.take(most);
  assert.equal(inbox.take(most)?.toString(), 'next');
  inbox.push(Buffer.alloc(300_000, 2), 0, 300_000);
  assert.deepEqual(taken, Buffer.alloc(100_000, 1));
});

test('memory that was outgrown is given back at once', () => {
  const before = process.memoryUsage().arrayBuffers;
  const inbox = fed(Buffer.alloc(8 * 1024 * 1024), 16_384);
  const after = process.memoryUsage().arrayBuffers;
  assert.equal(inbox.length, 8 * 1024 * 1024);
  assert.ok(after - before < 20 * 1024 * 1024, `${after - before} bytes are held`);
});
