import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokenBounds, median, percentile, table } from './benchmark.ts';

test('percentiles take the nearest rank', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(percentile([1, 2, 3, 4], 1), 4);
  assert.equal(percentile([5], 0.01), 5);
});

test('a bound that is missed, or was never measured, is broken', () => {
  const bounds = [
    { figure: 'a', atMost: 1 },
    { figure: 'b', atLeast: 2 },
    { figure: 'c', atMost: 1 },
    { figure: 'd', atMost: 5 },
  ];
  assert.deepEqual(brokenBounds({ figures: { a: 2, b: 1, d: 5 }, bounds }), [
    'a is 2, more than 1',
    'b is 1, less than 2',
    'c was not measured',
  ]);
});

test('tables line up', () => {
  assert.equal(
    table({
      columns: ['name', 'ms'],
      rows: [
        ['long name', 5],
        ['x', 12.345],
      ],
    }),
    'name       ms\nlong name      5\nx          12.35',
  );
});
