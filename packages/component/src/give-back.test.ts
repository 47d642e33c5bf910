import assert from 'node:assert/strict';
import { test } from 'node:test';
import { giveBack, giveBackAround } from './give-back.ts';

test('a large buffer that has memory of its own is empty once that is given back, and so are its views', () => {
  const buffer = Buffer.allocUnsafeSlow(64 * 1024);
  const view = buffer.subarray(10, 20);
  const before = process.memoryUsage().arrayBuffers;
  giveBack(buffer);
  assert.deepEqual([buffer.length, view.length], [0, 0]);
  assert.ok(process.memoryUsage().arrayBuffers <= before - 64 * 1024);
});

test('a part of something larger, and what may share its memory with others, stays as it is', () => {
  const whole = Buffer.alloc(64 * 1024, 7);
  giveBack(whole.subarray(0, 32 * 1024));
  giveBack(whole.subarray(1));
  const shared = new Uint8Array(new SharedArrayBuffer(64 * 1024)).fill(7);
  giveBack(shared);
  const small = Buffer.from('small');
  giveBack(small);
  assert.equal(whole.length, 64 * 1024);
  assert.equal(shared.length, 64 * 1024);
  assert.equal(small.toString(), 'small');
});

test('memory around a view is given back whole, unless it may be a pool', () => {
  const whole = Buffer.allocUnsafeSlow(2 * Buffer.poolSize);
  giveBackAround(whole.subarray(3, 7));
  assert.equal(whole.length, 0);
  const pooled = Buffer.from('in a pool');
  giveBackAround(pooled);
  assert.equal(pooled.toString(), 'in a pool');
});
