import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBlock, encodeBlock } from './change-block.ts';
import { changeSetCodec } from './codecs.ts';
import type { KeyValue } from './types.ts';

function change(modRevision: number, key: string, value: Buffer, lease = 0n): KeyValue {
  return { key: Buffer.from(key), createRevision: 1, modRevision, version: 1, value, lease };
}

test('a block has the bytes of a ChangeSet, whatever the sizes, and comes apart into its revisions', () => {
  const sets = [0, 1, 127, 128, 16_383, 16_384, 3_000_000].map((size, i) => [
    change(2 ** (7 * i) + 1, `key ${i}`, Buffer.alloc(size, 7), i === 2 ? -1n : BigInt(i) << 40n),
    ...(i % 2 === 0 ? [change(2 ** (7 * i) + 1, '', Buffer.alloc(0))] : []),
  ]);
  const bytes = encodeBlock(sets);
  assert.deepEqual(bytes, changeSetCodec.encode({ changes: sets.flat() }));
  const back = decodeBlock(bytes);
  assert.deepEqual(
    back.map(([main]) => main),
    sets.map(([first]) => first?.modRevision),
  );
  assert.deepEqual(
    back.map(([, set]) => set.length),
    sets.map((set) => set.length),
  );
});
