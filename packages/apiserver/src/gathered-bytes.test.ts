import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatheredBytes } from './gathered-bytes.ts';

const limit = 1_000_000;
const gathered = () => new GatheredBytes(limit, () => new Error('too many'));

test('a body is what its pieces say, however it was cut', () => {
  for (const sizes of [[], [0], [5], [0, 5], [1, 1, 1], [40_000, 1, 70_000], Array<number>(30_000).fill(1)]) {
    const body = gathered();
    const pieces = sizes.map((size, i) => Buffer.alloc(size, i % 251));
    for (const piece of pieces) body.add(piece);
    assert.deepEqual(body.whole(), Buffer.concat(pieces));
  }
});

test('the first piece is not written into, for others may have what is behind it', () => {
  const memory = Buffer.from('first, and what is somebody else’s');
  const body = gathered();
  body.add(memory.subarray(0, 5));
  body.add(Buffer.from('second'));
  assert.equal(body.whole().toString(), 'firstsecond');
  assert.equal(memory.toString(), 'first, and what is somebody else’s');
});

test('pieces of a byte take no more memory than one that has them all', () => {
  const body = gathered();
  const piece = Buffer.from('x');
  let kept = 0;
  const buffers = new Set<ArrayBufferLike>();
  for (let i = 0; i < 200_000; i++) {
    body.add(piece);
    if (i % 1_000 === 999) buffers.add(body.whole().buffer);
  }
  kept = body.whole().buffer.byteLength;
  assert.ok(kept < 400_000, `${kept} bytes`);
  assert.ok(buffers.size < 10, `${buffers.size} times it was copied`);
});

test('a body has its limit, to the byte', () => {
  const body = gathered();
  body.add(Buffer.alloc(limit - 1));
  body.add(Buffer.alloc(1));
  assert.equal(body.whole().length, limit);
  assert.throws(() => body.add(Buffer.alloc(1)), /too many/);
});
