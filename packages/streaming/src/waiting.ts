/**
 * Bytes that wait for a reader. What is cut out of a large piece holds all of the piece in memory, so that a stream that waits
 * with one byte of each could hold thousands of times what it counts.
 */
import type { Readable } from 'node:stream';

/** What to push to `stream`: `bytes`, or a copy where they would wait and take most of their memory for nothing. */
export function fitToWait(stream: Readable, bytes: Buffer): Buffer {
  const waits = stream.readableFlowing !== true || stream.readableLength > 0;
  return waits && bytes.length * 2 < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes;
}
