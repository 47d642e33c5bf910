import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WaitingLines } from './waiting-lines.ts';

test('lines wait in their order, as many as there may be', () => {
  const lines = new WaitingLines(3);
  for (const line of ['a', 'b', 'c']) assert.ok(lines.add(line));
  assert.equal(lines.add('d'), false);
  assert.deepEqual(lines.take(2), ['a', 'b']);
  assert.ok(lines.add('e'));
  assert.deepEqual([lines.length, lines.take(10), lines.length], [2, ['c', 'e'], 0]);
});

test('long lines are fewer, and one that is too long for all waits alone', () => {
  const lines = new WaitingLines(100, 10);
  assert.ok(lines.add('x'.repeat(6)));
  assert.equal(lines.add('y'.repeat(5)), false);
  assert.ok(lines.add('z'.repeat(4)));
  assert.equal(lines.take(1).length, 1);
  assert.ok(lines.add('y'.repeat(6)));
  assert.equal(lines.take(10).length, 2);
  assert.ok(lines.add('x'.repeat(50)));
  assert.equal(lines.add('y'), false);
});
