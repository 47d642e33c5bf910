import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BulkReader, framePieces } from './bulk-frames.ts';
import { encodeFrame, FrameReader, type PeerFrame } from './peer-wire.ts';

const sizes = [0, 1, 127, 128, 4_095, 4_096, 16_384, 300_000];
const chunk = (values: readonly number[]): PeerFrame => ({
  snapshotChunk: {
    keys: values.map((_size, i) => Buffer.alloc(i % 3 === 0 ? 9 : 200, i)),
    values: values.map((size, i) => Buffer.alloc(size, i + 1)),
  },
});
const frames: readonly PeerFrame[] = [
  { hello: { cluster: 'c', member: 'm', protocol: 1, bulk: true } },
  chunk(sizes),
  chunk([...sizes].reverse()),
  chunk([]),
  ...sizes.map((size) => chunk([size])),
  chunk(Array.from({ length: 1_000 }, (_, i) => i)),
  { snapshotEnd: { records: 1 } },
];

test('the pieces of a frame are the bytes that every other frame would have, and large values are not copied', () => {
  for (const frame of frames) {
    const pieces = framePieces(frame);
    assert.deepEqual(Buffer.concat(pieces), encodeFrame(frame));
    for (const value of frame.snapshotChunk?.values ?? [])
      assert.equal(pieces.includes(value), value.length >= 4_096);
  }
});

for (const step of [1, 3, 4, 5, 65_536, 10_000_000])
  test(`frames that come ${step} bytes at a time are read as they were written`, () => {
    const bytes = Buffer.concat(frames.map(encodeFrame));
    const expected = [...new FrameReader().push(Buffer.from(bytes))];
    const reader = new BulkReader();
    const read: PeerFrame[] = [];
    for (let at = 0; at < bytes.length; at += step)
      for (const { frame } of reader.push(bytes.subarray(at, at + step))) read.push(frame);
    assert.deepEqual(read, expected);
  });

test('a frame that was released is gone, and the bytes it came in are not', () => {
  const bytes = encodeFrame(chunk([50_000]));
  const [whole] = [...new BulkReader().push(bytes)];
  assert.equal(whole?.frame.snapshotChunk?.values[0]?.length, 50_000);
  whole.release();
  assert.equal(whole.frame.snapshotChunk?.values[0]?.length, 0);
  assert.equal(bytes.readUInt32BE(0), bytes.length - 4);
});

test('a frame that says to be longer than any may be ends the reading', () => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(300 * 1024 * 1024);
  assert.throws(() => [...new BulkReader().push(bytes)], /too long/);
});
