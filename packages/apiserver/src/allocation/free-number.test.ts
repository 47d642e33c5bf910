import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freeNumber } from './free-number.ts';

test('the last number that is free is found, wherever it is', () => {
  for (const last of [30_000, 31_234, 32_767])
    for (let i = 0; i < 20; i++)
      assert.equal(
        freeNumber(30_000, 2_768, (number) => number !== last),
        last,
      );
});

test('what is found is free and of the range, and nothing is found where nothing is free', () => {
  const found = new Set<number>();
  for (let i = 0; i < 2_000; i++) found.add(freeNumber(10, 5, (number) => number === 12) ?? -1);
  assert.deepEqual(
    [...found].toSorted((a, b) => a - b),
    [10, 11, 13, 14],
  );
  assert.equal(
    freeNumber(10, 5, () => true),
    undefined,
  );
  assert.equal(
    freeNumber(10, 0, () => false),
    undefined,
  );
});
