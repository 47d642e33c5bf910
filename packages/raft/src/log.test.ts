import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompactedError, MemoryLog } from './log.ts';
import type { Entry } from './types.ts';

const configuration = { voters: ['a'], learners: [] };
const entries = (from: number, to: number, term: number): Entry[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({
    term,
    index: from + i,
    type: 'normal',
    data: new Uint8Array(10),
  }));

test('appending over existing entries cuts off everything behind', () => {
  const log = new MemoryLog(configuration);
  log.append(entries(1, 5, 1));
  log.append(entries(3, 3, 2));
  assert.equal(log.lastIndex(), 3);
  assert.equal(log.term(2), 1);
  assert.equal(log.term(3), 2);
  assert.throws(() => log.append(entries(5, 5, 2)), RangeError);
});

test('a read of entries stays within its bytes but returns at least one', () => {
  const log = new MemoryLog(configuration);
  log.append(entries(1, 5, 1));
  assert.equal(log.entries(1, 6, 25).length, 2);
  assert.equal(log.entries(1, 6, 1).length, 1);
  assert.equal(log.entries(2, 4, 1000).length, 2);
});

test('a compacted log still knows the term at its edge and refuses what lies before', () => {
  const log = new MemoryLog(configuration);
  log.append(entries(1, 5, 3));
  log.compact({ index: 4, term: 3, configuration });
  assert.equal(log.firstIndex(), 5);
  assert.equal(log.term(4), 3);
  assert.throws(() => log.term(3), CompactedError);
  assert.throws(() => log.entries(4, 6, 100), CompactedError);
  log.install({ index: 9, term: 4, configuration });
  assert.equal(log.lastIndex(), 9);
  assert.equal(log.term(9), 4);
});
