/** Ends of answers behind messages that the client takes none of: what waits for it is bounded with them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Codec } from '../codec.ts';
import { GrpcError, Status } from '../error.ts';
import { frame, type Frame, MemoryPeer, number32 } from './memory-peer.ts';
import { ErrorCode, FrameType } from './protocol.ts';
import type { Route } from './stream.ts';

const codec = {
  encode: ({ value }: { value: Buffer }) => value,
  decode: (value: Buffer) => ({ value }),
} as unknown as Codec;
/** One byte, and then a long story of what went wrong. */
const route: Route = {
  method: {
    name: 'Fail',
    path: '/t.T/Fail',
    requestStream: false,
    responseStream: true,
    request: codec,
    response: codec,
  },
  unary: undefined,
  bidi: undefined,
  serverStream: (_value, call) => {
    call.write({ value: Buffer.alloc(1) });
    return Promise.reject(new GrpcError(Status.INTERNAL, 'x'.repeat(1_000)));
  },
};
/** SETTINGS_INITIAL_WINDOW_SIZE of nothing. */
const noWindow = frame(FrameType.SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]));
const none = Buffer.alloc(0);

function peerOf(connectionQueueBytes: number): MemoryPeer {
  const peer = new MemoryPeer(new Map([[route.method.path, route]]), { connectionQueueBytes });
  peer.open(noWindow);
  return peer;
}

async function ofType(peer: MemoryPeer, wanted: number): Promise<number[]> {
  const frames: Frame[] = await peer.frames();
  return frames.filter(({ type, id }) => type === wanted && id !== 0).map(({ id }) => id);
}

async function call(peer: MemoryPeer, ...ids: number[]): Promise<void> {
  for (const id of ids) {
    peer.feed(peer.call(id, route.method.path, none));
    await peer.frames();
  }
}

test('trailers that wait behind messages count as what waits: beyond its bound, streams are refused', async () => {
  const peer = peerOf(2_500);
  await call(peer, 1, 3, 5, 7);
  assert.deepEqual(await ofType(peer, FrameType.RST_STREAM), [7]);
});

test('trailers count no more once they are sent or their stream is gone', async () => {
  const peer = peerOf(2_500);
  await call(peer, 1, 3, 5);
  peer.feed(frame(FrameType.RST_STREAM, 0, 1, number32(ErrorCode.CANCEL)));
  await call(peer, 7, 9);
  assert.deepEqual(await ofType(peer, FrameType.RST_STREAM), [9]);
  // The message, and its end behind it.
  peer.feed(...[3, 5, 7].map((id) => frame(FrameType.WINDOW_UPDATE, 0, id, number32(100))));
  assert.deepEqual(await ofType(peer, FrameType.DATA), [3, 5, 7]);
  await call(peer, 11, 13, 15, 17);
  assert.deepEqual(await ofType(peer, FrameType.RST_STREAM), [9, 17]);
});
