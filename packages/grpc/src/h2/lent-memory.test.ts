import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Codec } from '../codec.ts';
import { frame, MemoryPeer, number32 } from './memory-peer.ts';
import { FrameType } from './protocol.ts';
import type { Route } from './stream.ts';

const bytes = { encode: (value: Buffer) => value, decode: (value: Buffer) => value } as unknown as Codec;
const size = 100_000;

/** A call that sends one large message out of memory it wants back. Says whether it has it. */
function lending(): { peer: MemoryPeer; back: () => boolean; memory: Buffer } {
  const memory = Buffer.alloc(size, 'm');
  let back = false;
  const route: Route = {
    unary: undefined,
    bidi: undefined,
    method: {
      name: 'Lend',
      path: '/t.T/Lend',
      requestStream: false,
      responseStream: true,
      request: bytes,
      response: bytes,
    },
    serverStream: async (_request, call) => {
      await call.writeLent?.(memory);
      back = true;
    },
  };
  const peer = new MemoryPeer(new Map([[route.method.path, route]]));
  peer.open(peer.call(1, route.method.path, Buffer.alloc(0)));
  return { peer, back: () => back, memory };
}

const windows = (bytesMore: number): Buffer[] =>
  [0, 1].map((id) => frame(FrameType.WINDOW_UPDATE, 0, id, number32(bytesMore)));

test('memory that was lent comes back when the kernel has all of the message, and not before', async () => {
  const { peer, back, memory } = lending();
  await peer.frames();
  // The client's window has room for two thirds of it.
  assert.equal(peer.taken.length, 0);
  peer.feed(...windows(size));
  const frames = await peer.frames();
  const sent = frames.filter(({ type, id }) => type === FrameType.DATA && id === 1);
  assert.ok(
    Buffer.concat(sent.map(({ payload }) => payload))
      .subarray(5)
      .equals(memory),
  );
  assert.equal(back(), false);
  assert.equal(peer.taken.length, 1);
  peer.taken[0]?.();
  await peer.frames();
  assert.equal(back(), true);
});

test('memory that was lent comes back when the call ends, whoever ends it', async () => {
  const reset = lending();
  await reset.peer.frames();
  reset.peer.feed(frame(FrameType.RST_STREAM, 0, 1, number32(8)));
  await reset.peer.frames();
  assert.equal(reset.back(), true);
  const closed = lending();
  await closed.peer.frames();
  closed.peer.connection.closed();
  await closed.peer.frames();
  assert.equal(closed.back(), true);
});
