import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { ServerStreamCall } from '../calls.ts';
import type { Codec } from '../codec.ts';
import type { Limits } from './limits.ts';
import { block, frame, message, number32, request } from './memory-peer.ts';
import { Flag, FrameType, preface } from './protocol.ts';
import { LeanServer } from './server.ts';

const raw: Codec<{ value: Buffer }> = { encode: ({ value }) => value, decode: (value) => ({ value }) };
const codec = raw as unknown as Codec;
const method = (name: string, responseStream: boolean) => ({
  name,
  path: `/t.T/${name}`,
  requestStream: false,
  responseStream,
  request: codec,
  response: codec,
});

interface Running {
  readonly server: LeanServer;
  readonly port: number;
  readonly written: { bytes: number; ended: Promise<void> };
}

/** Echo, and a stream without end that obeys its backpressure. */
async function start(t: TestContext, limits: Partial<Limits>): Promise<Running> {
  const server = new LeanServer(limits);
  const ended = Promise.withResolvers<void>();
  const written = { bytes: 0, ended: ended.promise };
  server.add([
    [method('Echo', false), (value: object) => value],
    [
      method('Endless', true),
      async (_request: object, call: ServerStreamCall<{ value: Buffer }>) => {
        while (!call.signal.aborted) {
          written.bytes += 10_000;
          if (!call.write({ value: Buffer.alloc(10_000) })) await call.drained();
        }
        ended.resolve();
      },
    ],
  ]);
  const port = await server.bind('127.0.0.1:0', undefined);
  t.after(() => server.shutdown(50));
  return { server, port, written };
}

function open(t: TestContext, port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  return socket;
}

const within = async <T>(promise: Promise<T>, what: string): Promise<T> => {
  const late = new AbortController();
  const timeout = new Promise<never>((_resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} did not happen in time`)), 30_000);
    late.signal.addEventListener('abort', () => clearTimeout(timer));
  });
  return await Promise.race([promise, timeout]).finally(() => late.abort());
};

test('a reader that takes nothing is disconnected, and only so much was made for it', async (t) => {
  const { port, written } = await start(t, { stallMs: 200, tickMs: 50 });
  const socket = open(t, port);
  socket.pause();
  socket.write(
    Buffer.concat([
      preface,
      frame(FrameType.SETTINGS, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])),
      frame(FrameType.WINDOW_UPDATE, 0, 0, number32(0x7fff_0000)),
      frame(FrameType.HEADERS, Flag.END_HEADERS, 1, block(request('/t.T/Endless'))),
      frame(FrameType.DATA, Flag.END_STREAM, 1, message('x')),
    ]),
  );
  await within(written.ended, 'the end of the call');
  assert.ok(written.bytes > 100_000, 'the windows were open');
  // What the two kernels buffer comes on top of our bounds.
  assert.ok(written.bytes < 50_000_000, `${written.bytes} bytes were written`);
});

test('a client that says nothing, or stops within its first headers, is disconnected', async (t) => {
  const { port } = await start(t, { handshakeMs: 100, tickMs: 30 });
  for (const first of [
    Buffer.alloc(0),
    preface.subarray(0, 10),
    Buffer.concat([
      preface,
      frame(FrameType.SETTINGS, 0, 0),
      frame(FrameType.HEADERS, 0, 1, block({ a: 'b' })),
    ]),
  ]) {
    const socket = open(t, port);
    socket.resume();
    socket.write(first);
    // With or without a reset, which is what bytes get that come behind the end.
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await within(closed, `the end after ${first.length} bytes`);
  }
});

test('a request that never gets its body is cancelled', async (t) => {
  const { port } = await start(t, { requestMs: 100, tickMs: 30 });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const stream = session.request(request('/t.T/Echo'));
  stream.on('error', () => undefined);
  await within(once(stream, 'close'), 'the reset');
  assert.equal(stream.rstCode, http2.constants.NGHTTP2_CANCEL);
});

test('calls that were made before a shutdown are answered, and the connection ends when they are', async (t) => {
  const server = new LeanServer();
  const release = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  server.add([
    [
      method('Slow', false),
      async (value: object) => {
        began.resolve();
        await release.promise;
        return value;
      },
    ],
  ]);
  const port = await server.bind('127.0.0.1:0', undefined);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const stream = session.request(request('/t.T/Slow'));
  let status: unknown;
  const body: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => body.push(chunk));
  stream.on('trailers', (trailers) => (status = trailers['grpc-status']));
  stream.end(message('hello'));
  await within(began.promise, 'the call');
  const stopped = server.shutdown(5_000);
  await within(once(session, 'goaway'), 'GOAWAY');
  release.resolve();
  await within(once(stream, 'close'), 'the answer');
  assert.equal(Buffer.concat(body).toString('latin1', 5), 'hello');
  assert.equal(status, '0');
  await within(stopped, 'the end of the shutdown');
});

test('connections beyond the limit are closed, and the others go on', async (t) => {
  const { port } = await start(t, { maxConnections: 1 });
  const first = open(t, port);
  await within(once(first, 'data'), 'SETTINGS');
  const second = open(t, port);
  second.resume();
  await within(once(second, 'close'), 'the end of the second');
  first.write(Buffer.concat([preface, frame(FrameType.SETTINGS, 0, 0)]));
  await within(once(first, 'data'), 'the acknowledgement');
});

test('answers that waited for a slow reader arrive unharmed', async (t) => {
  const { port } = await start(t, { maxConcurrentStreams: 10_000, connectionQueueBytes: 1 << 30 });
  const socket = open(t, port);
  socket.pause();
  const count = 3_000;
  const body = (i: number): Buffer => Buffer.alloc(3_000 + (i % 4_000), i % 251);
  const echo = block(request('/t.T/Echo'));
  const requests: Buffer[] = [
    preface,
    frame(FrameType.SETTINGS, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])),
    frame(FrameType.WINDOW_UPDATE, 0, 0, number32(0x7fff_0000)),
  ];
  for (let i = 0; i < count; i++)
    requests.push(
      frame(FrameType.HEADERS, Flag.END_HEADERS, 2 * i + 1, echo),
      frame(FrameType.DATA, Flag.END_STREAM, 2 * i + 1, message(body(i))),
    );
  // Our own requests do not obey the server's windows beyond what it reads at once, which is all of them.
  for (const part of requests) socket.write(part);
  const answers = new Map<number, Buffer[]>();
  let rest = Buffer.alloc(0);
  let complete = 0;
  const all = Promise.withResolvers<void>();
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const length = rest.readUIntBE(0, 3);
      const id = rest.readUInt32BE(5);
      if (rest[3] === FrameType.GOAWAY) all.reject(new Error(rest.toString('latin1', 17, 9 + length)));
      if (rest[3] === FrameType.DATA)
        answers.set(id, [...(answers.get(id) ?? []), Buffer.from(rest.subarray(9, 9 + length))]);
      if (rest[3] === FrameType.HEADERS && ((rest[4] ?? 0) & Flag.END_STREAM) !== 0 && ++complete === count)
        all.resolve();
      rest = rest.subarray(9 + length);
    }
  });
  socket.pause();
  // Answered while earlier frames still wait for the kernel.
  let pings = 0;
  const timer = setInterval(() => {
    if (pings++ < 20) socket.write(frame(FrameType.PING, 0, 0, `ping ${pings}`.padEnd(8)));
    else socket.resume();
  }, 20);
  t.after(() => clearInterval(timer));
  await within(all.promise, 'all answers');
  for (let i = 0; i < count; i++) {
    const answer = Buffer.concat(answers.get(2 * i + 1) ?? []);
    assert.ok(answer.subarray(5).equals(body(i)), `answer ${i} of ${answer.length} bytes`);
  }
});
