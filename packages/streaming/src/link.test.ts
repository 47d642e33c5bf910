import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { WebSocket } from 'ws';
import { Link } from './link.ts';
import { channel, frame } from './protocol.ts';

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

/** A WebSocket as far as a link sees it, whose other end sends until it is paused. */
class Socket extends EventEmitter {
  isPaused = false;

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  /** Sends messages of `size` bytes until nobody reads on; returns how many. */
  flood(size: number, most: number): number {
    let sent = 0;
    for (; sent < most && !this.isPaused; sent++)
      this.emit('message', frame(channel.stdin, Buffer.alloc(size)), true);
    return sent;
  }
}

test('what nobody reads is bounded, in messages of any size, and goes on when it was read', async () => {
  for (const [size, most] of [
    [1, 5_000],
    [32 * 1024, 8],
  ] as const) {
    const socket = new Socket();
    const link = new Link(socket as unknown as WebSocket, 'v5.channel.k8s.io');
    const input = link.reader(channel.stdin);
    let sent = socket.flood(size, 100_000);
    assert.ok(sent <= most, `${sent} messages of ${size} bytes wait`);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(socket.isPaused, 'nothing was read');
    let received = 0;
    input.on('data', (chunk: Buffer) => (received += chunk.length));
    await until(() => received === sent * size);
    assert.ok(!socket.isPaused);
    const before = sent;
    sent += socket.flood(size, 10_000);
    assert.equal(sent - before, 10_000, 'who listens is told at once');
    await until(() => received === sent * size);
    socket.emit('close');
  }
});

test('a message that waits does not hold what it came with', () => {
  const socket = new Socket();
  const link = new Link(socket as unknown as WebSocket, 'v5.channel.k8s.io');
  const input = link.reader(channel.stdin);
  const message = frame(channel.stdin, Buffer.from('a'));
  const piece = Buffer.concat([message, Buffer.alloc(512 * 1024)]);
  socket.emit('message', piece.subarray(0, message.length), true);
  const read = input.read() as Buffer;
  assert.equal(read.toString(), 'a');
  assert.ok(read.buffer.byteLength <= Buffer.poolSize, `${read.buffer.byteLength} bytes for one`);
  socket.emit('close');
});
