import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldWrites } from './held-writes.ts';
import type { Outgoing } from './outbox.ts';

const message = (name: string): Outgoing => ({ message: { name }, wire: {} }) as unknown as Outgoing;

function write(ticket: number, lastIndex: number, ...messages: Outgoing[]): Parameters<HeldWrites['add']>[0] {
  return { ticket, lastIndex, messages, persist: { index: lastIndex, term: 1 }, install: undefined };
}

test('what waits for a write leaves in order once everything before it is durable', () => {
  const held = new HeldWrites(10);
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(message) as [Outgoing, Outgoing, Outgoing, Outgoing];
  held.add(write(1, 11, a));
  held.add(write(2, 12, b));
  assert.ok(held.join([c]));
  held.add(write(3, 13, d));
  assert.equal(held.durable, 10);
  assert.deepEqual(held.release(2), { persist: { index: 12, term: 1 }, messages: [a, b, c], installs: [] });
  assert.equal(held.durable, 12);
  assert.deepEqual(held.release(2), { persist: undefined, messages: [], installs: [] });
  assert.deepEqual(held.release(3).messages, [d]);
});

test('with no write under way nothing can wait', () => {
  const held = new HeldWrites(10);
  assert.equal(held.join([message('a')]), false);
  held.add(write(1, 11));
  held.release(1);
  assert.equal(held.join([message('b')]), false);
});

test('entries that were replaced count as durable only once their successors are', () => {
  const held = new HeldWrites(10);
  held.add(write(1, 15));
  // Another leader has other entries from 12 on.
  held.replaced(12);
  held.add(write(2, 13));
  held.release(1);
  assert.equal(held.durable, 11);
  held.release(2);
  assert.equal(held.durable, 13);
  held.replaced(9);
  assert.equal(held.durable, 8);
});
