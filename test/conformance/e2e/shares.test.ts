import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shareOut } from './shares.ts';

test('long tests do not meet in one process, and none is lost', () => {
  const seconds: Readonly<Record<string, number>> = { a: 300, b: 300, c: 290, d: 1, e: 2 };
  const shares = shareOut(['d', 'a', 'b', 'c', 'e', 'new'], 3, (name) => seconds[name]);
  const long = shares.map((names) => names.filter((name) => (seconds[name] ?? 0) > 100).length);
  assert.deepEqual(long, [1, 1, 1]);
  assert.deepEqual(shares.flat().sort(), ['a', 'b', 'c', 'd', 'e', 'new']);
});

test('there may be more processes than tests', () => {
  assert.deepEqual(
    shareOut(['a'], 3, () => undefined),
    [['a'], [], []],
  );
});
