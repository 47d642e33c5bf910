import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Entry, MemoryLog } from '@timonier/raft';
import { LogBudget } from './bounded-log.ts';

function entries(from: number, to: number, bytes: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_unused, i) => ({
    index: from + i,
    term: 1,
    type: 'normal',
    data: new Uint8Array(bytes),
  }));
}

test('the bytes of a log follow what is appended, replaced, cut off and dropped', () => {
  const log = new MemoryLog({ voters: ['a'], learners: [] });
  const budget = new LogBudget(log);
  const each = (bytes: number): number => bytes + 64;
  budget.appended(entries(1, 10, 100));
  assert.equal(budget.bytes, 10 * each(100));
  // Another leader's entries take the place of the last three.
  budget.appended(entries(8, 9, 500));
  assert.equal(budget.bytes, 7 * each(100) + 2 * each(500));
  budget.cutTo(8);
  assert.equal(budget.bytes, 2 * each(500));
  budget.cutTo(3);
  assert.equal(budget.bytes, 2 * each(500));
  budget.reset();
  assert.equal(budget.bytes, 0);
});
