/** Requests that are no gRPC, frame by frame. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WebCall } from '../calls.ts';
import type { Limits } from './limits.ts';
import { block, frame, type Frame, MemoryPeer, number32 } from './memory-peer.ts';
import { ErrorCode, Flag, FrameType } from './protocol.ts';
import { webRoute } from './web.ts';

const head = { ':method': 'POST', ':scheme': 'https', ':path': '/', ':authority': 'a' };

function serve(
  handler: (call: WebCall) => Promise<void>,
  limits: Partial<Limits> = {},
  fields: Readonly<Record<string, string>> = {},
): MemoryPeer {
  const peer = new MemoryPeer(undefined, limits, webRoute(handler, true));
  peer.open(frame(FrameType.HEADERS, Flag.END_HEADERS, 1, block({ ...head, ...fields })));
  return peer;
}

function data(text: string, flags = 0, id = 1): Buffer {
  return frame(FrameType.DATA, flags, id, text);
}

/** Types and flags of what came back on the stream. */
function shape(frames: readonly Frame[]): string[] {
  return frames
    .filter(({ id }) => id === 1)
    .map(({ type, flags, payload }) =>
      type === FrameType.RST_STREAM
        ? `reset ${payload.readUInt32BE()}`
        : `${type} ${flags} ${payload.length}`,
    );
}

/** The status and the date. */
const headBytes = 1 + (2 + 1 + 29);
const headers = `${FrameType.HEADERS} ${Flag.END_HEADERS} ${headBytes}`;

test('a short answer is two frames, one without a body a single one', async () => {
  const answers: (Buffer | undefined)[] = [Buffer.from('body'), undefined];
  for (const answer of answers) {
    const peer = serve((call) => {
      call.respond(200, {});
      call.end(answer);
      return Promise.resolve();
    });
    const ended = [headers, `${FrameType.DATA} ${Flag.END_STREAM} 4`];
    const bare = [`${FrameType.HEADERS} ${Flag.END_HEADERS | Flag.END_STREAM} ${headBytes}`];
    assert.deepEqual(shape(await peer.frames()), answer === undefined ? bare : ended);
  }
});

test('who still sends when the answer is out is let alone for a while', async () => {
  const peer = serve((call) => {
    call.respond(200, {});
    return Promise.resolve();
  });
  peer.feed(data('late'));
  const bare = `${FrameType.HEADERS} ${Flag.END_HEADERS | Flag.END_STREAM} ${headBytes}`;
  assert.deepEqual(shape(await peer.frames()), [bare]);
  assert.equal(peer.connection.open, 0);
  peer.feed(data('later', Flag.END_STREAM));
  assert.deepEqual(shape(await peer.frames()), [bare]);
  peer.feed(data('after the end'));
  assert.deepEqual(shape(await peer.frames()), [bare, `reset ${ErrorCode.STREAM_CLOSED}`]);
});

test('a long answer ends with its last bytes', async () => {
  const peer = serve(async (call) => {
    for await (const _ of call.body);
    call.respond(200, {});
    call.end(Buffer.alloc(40_000));
  });
  peer.feed(data('', Flag.END_STREAM));
  assert.deepEqual(shape(await peer.frames()), [
    headers,
    `${FrameType.DATA} 0 16384`,
    `${FrameType.DATA} 0 16384`,
    `${FrameType.DATA} ${Flag.END_STREAM} 7232`,
  ]);
});

test('an end without bytes waits for those before it', async () => {
  const peer = serve(async (call) => {
    for await (const _ of call.body);
    call.respond(200, {});
    call.send(Buffer.alloc(70_000));
    call.end();
  });
  peer.feed(data('', Flag.END_STREAM));
  assert.equal(shape(await peer.frames()).at(-1), `${FrameType.DATA} 0 16383`);
  peer.feed(
    frame(FrameType.WINDOW_UPDATE, 0, 0, number32(70_000)),
    frame(FrameType.WINDOW_UPDATE, 0, 1, number32(70_000)),
  );
  assert.equal(shape(await peer.frames()).at(-1), `${FrameType.DATA} ${Flag.END_STREAM} 4465`);
});

test('a body is read as it comes, or taken whole once it is there', async () => {
  const seen: (string | undefined)[] = [];
  const peer = serve(async (call) => {
    seen.push(call.takeBody()?.toString());
    const pieces = call.body[Symbol.asyncIterator]();
    seen.push(((await pieces.next()).value as Buffer).toString());
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(String(call.complete), call.takeBody()?.toString(), call.takeBody()?.toString());
    call.end();
  });
  peer.feed(data('one'));
  await new Promise((resolve) => setImmediate(resolve));
  peer.feed(data('two'), data('three'), data('four', Flag.END_STREAM));
  await peer.frames();
  assert.deepEqual(seen, [undefined, 'one', 'true', 'twothreefour', '']);
});

test('a body that breaks off ends, and its handler can tell', async () => {
  const seen: unknown[] = [];
  const peer = serve(async (call) => {
    let text = '';
    for await (const piece of call.body) text += piece.toString();
    seen.push(text, call.complete, call.gone, call.takeBody());
  });
  peer.feed(data('some'));
  await peer.frames();
  peer.feed(frame(FrameType.RST_STREAM, 0, 1, number32(ErrorCode.CANCEL)));
  await peer.frames();
  assert.deepEqual(seen, ['some', false, true, undefined]);
});

test('a body that was reset before anybody looked is not there', async () => {
  const seen: unknown[] = [];
  const peer = serve(async (call) => {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(call.takeBody(), call.gone);
    for await (const piece of call.body) seen.push(piece);
  });
  peer.feed(data('whole', Flag.END_STREAM), frame(FrameType.RST_STREAM, 0, 1, number32(ErrorCode.CANCEL)));
  await peer.frames();
  assert.deepEqual(seen, [undefined, true]);
});

test('who does not read gives no room, who reads does', async () => {
  const { promise: asked, resolve: read } = Promise.withResolvers<undefined>();
  const peer = serve(
    async (call) => {
      await asked;
      for await (const _ of call.body);
    },
    { streamWindow: 65_535 },
  );
  const updates = async (): Promise<number> =>
    (await peer.frames()).filter(({ type, id }) => type === FrameType.WINDOW_UPDATE && id === 1).length;
  peer.feed(...Array.from({ length: 4 }, () => data('x'.repeat(16_383))));
  assert.equal(await updates(), 0);
  read(undefined);
  assert.ok((await updates()) > 0);
  peer.feed(...Array.from({ length: 4 }, () => data('z'.repeat(16_383))));
  assert.equal(peer.connection.open, 1);
});

test('a body in frames of one byte is held in one piece', async () => {
  let pieces = 0;
  let bytes = 0;
  const { promise: fed, resolve: hasBeenFed } = Promise.withResolvers<undefined>();
  const { promise: read, resolve: hasRead } = Promise.withResolvers<undefined>();
  const peer = serve(async (call) => {
    await fed;
    for await (const piece of call.body) {
      pieces++;
      bytes += piece.length;
    }
    call.end();
    hasRead(undefined);
  });
  for (let i = 0; i < 50; i++) peer.feed(...Array.from({ length: 1_000 }, () => data('x')));
  peer.feed(data('', Flag.END_STREAM));
  hasBeenFed(undefined);
  await read;
  assert.deepEqual([pieces, bytes], [2, 50_000]);
});

test('a head of status 100 comes before the answer, and not after it has begun', async () => {
  const peer = serve(async (call) => {
    call.inform(100);
    for await (const _ of call.body);
    call.respond(200, {});
    call.flushHead();
    call.inform(100);
    call.end(Buffer.from('x'));
  });
  await peer.frames();
  peer.feed(data('', Flag.END_STREAM));
  const all = shape(await peer.frames());
  assert.deepEqual(all.slice(1), [headers, `${FrameType.DATA} ${Flag.END_STREAM} 1`]);
  assert.match(all[0] ?? '', new RegExp(`^${FrameType.HEADERS} ${Flag.END_HEADERS} `));
});

test('fields with control characters make no request, gRPC is nothing special', async () => {
  const peer = serve(() => Promise.resolve(), {}, { 'x-a': 'a\x01b' });
  assert.deepEqual(shape(await peer.frames()), [`reset ${ErrorCode.PROTOCOL_ERROR}`]);
  let type: string | undefined;
  const other = serve(
    (call) => {
      type = call.metadata('content-type');
      call.respond(415, {});
      return Promise.resolve();
    },
    {},
    { 'content-type': 'application/grpc' },
  );
  await other.frames();
  assert.equal(type, 'application/grpc');
});

/** A connection whose socket is full, and whose handler answers with a head of some 1,000 bytes at once. */
function congested(limits: Partial<Limits>, rest: (call: WebCall) => void): MemoryPeer {
  const peer = new MemoryPeer(
    undefined,
    limits,
    webRoute((call) => {
      call.respond(200, { 'x-long': 'x'.repeat(1_000) });
      call.flushHead();
      rest(call);
      return new Promise((resolve) => call.onGone(resolve));
    }, true),
  );
  peer.open();
  peer.writableLength = 300_000;
  return peer;
}

const open = (id: number): Buffer =>
  frame(FrameType.HEADERS, Flag.END_HEADERS | Flag.END_STREAM, id, block(head));
const ofType = (frames: readonly Frame[], wanted: number): number[] =>
  frames.filter(({ type }) => type === wanted).map(({ id }) => id);

test('heads that wait for the socket count as what waits: beyond its bound, streams are refused', async () => {
  const peer = congested({ connectionQueueBytes: 2_500 }, () => undefined);
  peer.feed(open(1), open(3), open(5), open(7));
  const full = await peer.frames();
  assert.deepEqual([ofType(full, FrameType.HEADERS), ofType(full, FrameType.RST_STREAM)], [[], [7]]);
  // One that is gone does not count any more, and neither does one that is sent.
  peer.feed(frame(FrameType.RST_STREAM, 0, 1, number32(ErrorCode.CANCEL)), open(9), open(11));
  assert.deepEqual(ofType(await peer.frames(), FrameType.RST_STREAM), [7, 11]);
  peer.writableLength = 0;
  peer.connection.drained();
  peer.feed(open(13));
  const frames = await peer.frames();
  assert.deepEqual(ofType(frames, FrameType.RST_STREAM), [7, 11]);
  assert.deepEqual(ofType(frames, FrameType.HEADERS), [3, 5, 9, 13]);
});

test('ends that wait for the socket count as well', async () => {
  const limits = { connectionQueueBytes: 2_500 };
  const peer = new MemoryPeer(
    undefined,
    limits,
    webRoute((call) => {
      call.respond(200, { 'x-long': 'x'.repeat(1_000) });
      return Promise.resolve();
    }, true),
  );
  peer.open();
  peer.writableLength = 300_000;
  // An answer ends when its handler has returned.
  for (const id of [1, 3, 5, 7]) {
    peer.feed(open(id));
    await peer.frames();
  }
  assert.deepEqual(ofType(await peer.frames(), FrameType.RST_STREAM), [7]);
});

test('a head that waits for the socket is sent as it was given, and is one frame when it is the whole answer', async () => {
  const peer = congested({}, (call) => {
    call.respond(500, {});
    call.end();
  });
  peer.feed(open(1));
  await peer.frames();
  peer.writableLength = 0;
  peer.connection.drained();
  const frames = (await peer.frames()).filter(({ id }) => id === 1);
  assert.equal(frames.length, 1);
  assert.equal(frames[0]?.flags, Flag.END_HEADERS | Flag.END_STREAM);
  // 200 in the static table.
  assert.equal(frames[0]?.payload[0], 0x88);
});
