import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockTable } from './block-table.ts';

function table(...starts: number[]): BlockTable {
  const blocks = new BlockTable();
  for (const start of starts) blocks.add(start, start);
  return blocks;
}

test('a revision is found in the block that begins at it or before', () => {
  const blocks = table(2, 5, 9);
  assert.deepEqual(
    [1, 2, 4, 5, 8, 9, 100].map((main) => blocks.of(main)),
    [undefined, 2, 2, 5, 5, 9, 9],
  );
  assert.deepEqual([blocks.after(2), blocks.after(9)], [5, undefined]);
  assert.deepEqual([blocks.upTo(1), blocks.upTo(8)], [[], [2, 5]]);
  blocks.remove(new Set([5]));
  assert.equal(blocks.of(6), 2);
  assert.throws(() => blocks.add(9, 1), /cannot follow/);
});

test('what a block is on disk is known from when it was written until it has other contents', () => {
  const blocks = table(2, 5, 9);
  blocks.written(5, { length: 100, sum: 0xffff_ffff });
  blocks.remove(new Set([2]));
  assert.deepEqual(
    [5, 6, 9].map((start) => blocks.trace(start)),
    [{ length: 100, sum: 0xffff_ffff }, undefined, undefined],
  );
  assert.deepEqual([blocks.left(5), blocks.left(6)], [5, 0]);
  blocks.rewritten(5, 3);
  assert.deepEqual([blocks.left(5), blocks.trace(5)], [3, undefined]);
  // One that was taken away meanwhile is nobody's business.
  blocks.written(2, { length: 1, sum: 1 });
  assert.equal(blocks.trace(2), undefined);
});
