import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createGzip, gunzipSync } from 'node:zlib';
import { packed } from './packed.ts';

/** Bytes that hardly compress, the same ones each time. */
function noise(length: number, seed: number): Buffer {
  const parts: Buffer[] = [];
  for (let size = 0; size < length; size += 32)
    parts.push(createHash('sha256').update(`${seed} ${size}`).digest());
  return Buffer.concat(parts).subarray(0, length);
}

/** How many bytes have come of the first, the first two … of these pieces when each has been taken in. */
async function comingOf(pieces: readonly Buffer[]): Promise<number[]> {
  const gzip = createGzip({ level: 1 });
  let size = 0;
  gzip.on('data', (chunk: Buffer) => (size += chunk.length));
  const sizes: number[] = [];
  for (const piece of pieces) {
    await new Promise((resolve) => gzip.write(piece, resolve));
    await turn();
    sizes.push(size);
  }
  gzip.destroy();
  return sizes;
}

for (const [what, pieces] of [
  ['long pieces', Array.from({ length: 20 }, (_, i) => noise(70_000 + i * 1_000, i))],
  ['pieces of one chunk', Array.from({ length: 50 }, (_, i) => noise(16_384, i))],
  ['short pieces', Array.from({ length: 200 }, (_, i) => noise(1_000, i))],
  ['pieces that compress well', Array.from({ length: 20 }, (_, i) => Buffer.alloc(1_000_000, noise(500, i)))],
] as const)
  test(`what comes of a piece has been handed out before the next one is asked for: ${what}`, async () => {
    let size = 0;
    const sizes: number[] = [];
    const source = async function* (): AsyncGenerator<Buffer> {
      for (const piece of pieces) {
        yield piece;
        sizes.push(size);
        await turn();
      }
    };
    const chunks: Buffer[] = [];
    for await (const chunk of packed(source())) {
      size += chunk.length;
      chunks.push(chunk);
    }
    assert.deepEqual(sizes, await comingOf(pieces));
    assert.ok(gunzipSync(Buffer.concat(chunks)).equals(Buffer.concat(pieces)));
  });

test('no more is asked for when nobody reads on, and the source is ended', async () => {
  let asked = 0;
  let isEnded = false;
  const source = async function* (): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        yield noise(100_000, asked++);
        await turn();
      }
    } finally {
      isEnded = true;
    }
  };
  for await (const chunk of packed(source())) {
    assert.ok(chunk.length > 0);
    break;
  }
  assert.equal(asked, 1);
  assert.ok(isEnded);
});
