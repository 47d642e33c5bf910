import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Codec } from '../codec.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import type { Limits } from './limits.ts';
import { block, type Frame, frame, MemoryPeer, message, number32, request } from './memory-peer.ts';
import { ErrorCode, Flag, FrameType, preface } from './protocol.ts';
import type { Route, Stream } from './stream.ts';

const bytes: Codec<{ value: Buffer }> = {
  encode: ({ value }) => value,
  decode: (value) => ({ value }),
};
const codec = bytes as unknown as Codec;
function method(name: string, requestStream: boolean, responseStream: boolean): Route['method'] {
  return { name, path: `/t.T/${name}`, requestStream, responseStream, request: codec, response: codec };
}
const none = { unary: undefined, serverStream: undefined, bidi: undefined };

/** Echo, a call that never answers, a stream that answers 400 KB, and an echo in both directions. */
function service(): { routes: Map<string, Route>; calls: Stream[] } {
  const calls: Stream[] = [];
  const routes: Route[] = [
    { ...none, method: method('Echo', false, false), unary: (value) => value },
    {
      ...none,
      method: method('Hang', false, false),
      unary: (_value, call) => {
        calls.push(call as Stream);
        return new Promise<object>((resolve) => {
          call.signal.addEventListener('abort', () => resolve({ value: Buffer.alloc(0) }));
        });
      },
    },
    {
      ...none,
      method: method('Deaf', false, false),
      unary: (_value, call) => {
        calls.push(call as Stream);
        return new Promise<object>(() => undefined);
      },
    },
    {
      ...none,
      method: method('Ignore', true, true),
      bidi: (call) => {
        calls.push(call as unknown as Stream);
        return new Promise<void>((resolve) => {
          call.signal.addEventListener('abort', () => resolve());
        });
      },
    },
    {
      ...none,
      method: method('Large', false, true),
      serverStream: async (_value, call) => {
        calls.push(call as unknown as Stream);
        for (let i = 0; i < 40 && !call.signal.aborted; i++)
          if (!call.write({ value: Buffer.alloc(10_000, i) })) await call.drained();
      },
    },
    {
      ...none,
      method: method('Chat', true, true),
      bidi: async (call) => {
        calls.push(call as unknown as Stream);
        for await (const value of call.requests) call.write(value);
      },
    },
  ];
  return { routes: new Map(routes.map((route) => [route.method.path, route])), calls };
}

const goawayCode = (frames: readonly Frame[]): number | undefined =>
  frames.findLast(({ type }) => type === FrameType.GOAWAY)?.payload.readUInt32BE(4);
const resets = (frames: readonly Frame[]): Record<number, number> =>
  Object.fromEntries(
    frames
      .filter(({ type }) => type === FrameType.RST_STREAM)
      .map(({ id, payload }) => [id, payload.readUInt32BE(0)]),
  );

/** Headers by stream, the later ones over the earlier, as one record. */
function answers(frames: readonly Frame[]): Record<number, Record<string, string>> {
  const decoder = new HpackDecoder(4096, 65_536);
  const all: Record<number, Record<string, string>> = {};
  for (const { type, id, payload } of frames) {
    if (type !== FrameType.HEADERS) continue;
    const fields = decoder.decode(payload, 0, payload.length);
    const record = (all[id] ??= {});
    for (let i = 0; i < fields.length; i += 2) record[fields[i] ?? ''] = fields[i + 1] ?? '';
  }
  return all;
}

const dataOf = (frames: readonly Frame[], id: number): Buffer =>
  Buffer.concat(frames.filter((f) => f.type === FrameType.DATA && f.id === id).map(({ payload }) => payload));

const {
  HEADERS,
  DATA,
  CONTINUATION,
  SETTINGS,
  PING,
  PRIORITY,
  RST_STREAM,
  WINDOW_UPDATE,
  GOAWAY,
  PUSH_PROMISE,
} = FrameType;
const end = Flag.END_STREAM;
const whole = Flag.END_HEADERS;
const echoBlock = block(request('/t.T/Echo'));
const chatBlock = block(request('/t.T/Chat'));
const hello = message('hello');
const openEcho = frame(HEADERS, whole, 1, echoBlock);
const openChat = frame(HEADERS, whole, 1, chatBlock);
const setting = (name: number, value: number): Buffer => {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(name);
  bytes.writeUInt32BE(value, 2);
  return bytes;
};
const {
  PROTOCOL_ERROR,
  FRAME_SIZE_ERROR,
  FLOW_CONTROL_ERROR,
  STREAM_CLOSED,
  COMPRESSION_ERROR,
  ENHANCE_YOUR_CALM,
} = ErrorCode;

interface Case {
  readonly name: string;
  readonly frames: readonly Buffer[];
  readonly limits?: Partial<Limits>;
}

function many(count: number, make: (i: number) => Buffer): Buffer[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

const endsConnection: readonly (Case & { readonly code: number })[] = [
  { name: 'DATA on stream 0', frames: [frame(DATA, 0, 0, 'x')], code: PROTOCOL_ERROR },
  { name: 'DATA on an idle stream', frames: [frame(DATA, 0, 5, 'x')], code: PROTOCOL_ERROR },
  {
    name: 'DATA padded beyond its end',
    frames: [openEcho, frame(DATA, 8, 1, Buffer.from([9, 1]))],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'DATA with the padded flag and no payload',
    frames: [openEcho, frame(DATA, 8, 1)],
    code: PROTOCOL_ERROR,
  },
  { name: 'HEADERS on stream 0', frames: [frame(HEADERS, whole, 0, echoBlock)], code: PROTOCOL_ERROR },
  { name: 'HEADERS on an even stream', frames: [frame(HEADERS, whole, 2, echoBlock)], code: PROTOCOL_ERROR },
  {
    name: 'HEADERS on a stream below the last',
    frames: [frame(HEADERS, whole | end, 5, chatBlock), frame(HEADERS, whole, 3, echoBlock)],
    code: STREAM_CLOSED,
  },
  {
    name: 'HEADERS too short for its priority',
    frames: [frame(HEADERS, whole | 0x20, 1, 'abc')],
    code: FRAME_SIZE_ERROR,
  },
  {
    name: 'HEADERS that depends on itself',
    frames: [frame(HEADERS, whole | 0x20, 1, Buffer.concat([number32(1), Buffer.from([0]), echoBlock]))],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'HEADERS padded beyond its end',
    frames: [frame(HEADERS, whole | 8, 1, Buffer.from([200, 1]))],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'a header block that DATA interrupts',
    frames: [frame(HEADERS, 0, 1, echoBlock), frame(DATA, 0, 1)],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'a header block that an unknown frame interrupts',
    frames: [frame(HEADERS, 0, 1, echoBlock), frame(99, 0, 0)],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'CONTINUATION for another stream',
    frames: [frame(HEADERS, 0, 1, echoBlock), frame(CONTINUATION, whole, 3)],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'CONTINUATION without HEADERS',
    frames: [frame(CONTINUATION, whole, 1, echoBlock)],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'a flood of empty CONTINUATION frames',
    frames: [frame(HEADERS, 0, 1, echoBlock), ...many(20, () => frame(CONTINUATION, 0, 1))],
    code: ENHANCE_YOUR_CALM,
  },
  {
    name: 'a flood of full CONTINUATION frames',
    frames: [
      frame(HEADERS, 0, 1, echoBlock),
      ...many(3, () => frame(CONTINUATION, 0, 1, Buffer.alloc(16_384))),
    ],
    code: ENHANCE_YOUR_CALM,
  },
  {
    name: 'a header index in no table',
    frames: [frame(HEADERS, whole, 1, Buffer.from([0xff, 0x10]))],
    code: COMPRESSION_ERROR,
  },
  {
    name: 'header index 0',
    frames: [frame(HEADERS, whole, 1, Buffer.from([0x80]))],
    code: COMPRESSION_ERROR,
  },
  {
    name: 'a number without end in a header block',
    frames: [frame(HEADERS, whole, 1, Buffer.alloc(20, 0xff))],
    code: COMPRESSION_ERROR,
  },
  {
    name: 'a header string that runs past its block',
    frames: [frame(HEADERS, whole, 1, Buffer.from([0, 9, 65]))],
    code: COMPRESSION_ERROR,
  },
  {
    name: 'a header table larger than allowed',
    frames: [frame(HEADERS, whole, 1, Buffer.concat([Buffer.from([0x3f, 0xe2, 0x1f]), echoBlock]))],
    code: COMPRESSION_ERROR,
  },
  {
    name: 'a table size update behind a field',
    frames: [frame(HEADERS, whole, 1, Buffer.from([0x82, 0x20]))],
    code: COMPRESSION_ERROR,
  },
  {
    name: 'Huffman padding of zeros',
    frames: [frame(HEADERS, whole, 1, Buffer.from([0, 0x81, 0x00, 0]))],
    code: COMPRESSION_ERROR,
  },
  {
    name: 'Huffman end of string',
    frames: [frame(HEADERS, whole, 1, Buffer.from([0, 0x84, 0xff, 0xff, 0xff, 0xff, 0]))],
    code: COMPRESSION_ERROR,
  },
  {
    name: 'a frame longer than allowed',
    frames: [frame(DATA, 0, 1, Buffer.alloc(16_385))],
    code: FRAME_SIZE_ERROR,
  },
  { name: 'SETTINGS on a stream', frames: [frame(SETTINGS, 0, 1)], code: PROTOCOL_ERROR },
  { name: 'SETTINGS of 5 bytes', frames: [frame(SETTINGS, 0, 0, 'abcde')], code: FRAME_SIZE_ERROR },
  {
    name: 'SETTINGS acknowledged with a payload',
    frames: [frame(SETTINGS, Flag.ACK, 0, setting(1, 1))],
    code: FRAME_SIZE_ERROR,
  },
  { name: 'ENABLE_PUSH 2', frames: [frame(SETTINGS, 0, 0, setting(2, 2))], code: PROTOCOL_ERROR },
  {
    name: 'INITIAL_WINDOW_SIZE 2^31',
    frames: [frame(SETTINGS, 0, 0, setting(4, 2 ** 31))],
    code: FLOW_CONTROL_ERROR,
  },
  { name: 'MAX_FRAME_SIZE 100', frames: [frame(SETTINGS, 0, 0, setting(5, 100))], code: PROTOCOL_ERROR },
  {
    name: 'a stream window widened beyond 2^31 by SETTINGS',
    frames: [
      openChat,
      frame(WINDOW_UPDATE, 0, 1, number32(0x7fff_0000)),
      frame(SETTINGS, 0, 0, setting(4, 0x7fff_ffff)),
    ],
    code: FLOW_CONTROL_ERROR,
  },
  { name: 'a flood of SETTINGS', frames: many(3_000, () => frame(SETTINGS, 0, 0)), code: ENHANCE_YOUR_CALM },
  { name: 'PING on a stream', frames: [frame(PING, 0, 1, '12345678')], code: PROTOCOL_ERROR },
  { name: 'PING of 7 bytes', frames: [frame(PING, 0, 0, '1234567')], code: FRAME_SIZE_ERROR },
  {
    name: 'a flood of PING',
    frames: many(3_000, () => frame(PING, 0, 0, '12345678')),
    code: ENHANCE_YOUR_CALM,
  },
  {
    name: 'a flood of unasked PING acknowledgements',
    frames: many(3_000, () => frame(PING, Flag.ACK, 0, '12345678')),
    code: ENHANCE_YOUR_CALM,
  },
  { name: 'a flood of unknown frames', frames: many(3_000, () => frame(77, 0, 0)), code: ENHANCE_YOUR_CALM },
  {
    name: 'a flood of PRIORITY',
    frames: many(3_000, () => frame(PRIORITY, 0, 1, Buffer.alloc(5))),
    code: ENHANCE_YOUR_CALM,
  },
  {
    name: 'a flood of empty DATA',
    frames: [openChat, ...many(3_000, () => frame(DATA, 0, 1))],
    code: ENHANCE_YOUR_CALM,
  },
  {
    name: 'a flood of tiny WINDOW_UPDATE',
    frames: many(3_000, () => frame(WINDOW_UPDATE, 0, 0, number32(1))),
    code: ENHANCE_YOUR_CALM,
  },
  {
    name: 'rapid reset',
    frames: many(3_000, (i) =>
      Buffer.concat([
        frame(HEADERS, whole, 2 * i + 1, chatBlock),
        frame(RST_STREAM, 0, 2 * i + 1, number32(8)),
      ]),
    ),
    code: ENHANCE_YOUR_CALM,
  },
  {
    name: 'a flood of malformed requests',
    frames: many(3_000, (i) => frame(HEADERS, whole | end, 2 * i + 1, block({ a: 'b' }))),
    code: ENHANCE_YOUR_CALM,
  },
  {
    name: 'a flood of requests for no method',
    frames: many(3_000, (i) => frame(HEADERS, whole | end, 2 * i + 1, block(request('/x')))),
    code: ENHANCE_YOUR_CALM,
  },
  { name: 'PRIORITY on stream 0', frames: [frame(PRIORITY, 0, 0, Buffer.alloc(5))], code: PROTOCOL_ERROR },
  { name: 'RST_STREAM on stream 0', frames: [frame(RST_STREAM, 0, 0, number32(8))], code: PROTOCOL_ERROR },
  {
    name: 'RST_STREAM on an idle stream',
    frames: [frame(RST_STREAM, 0, 1, number32(8))],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'RST_STREAM of 3 bytes',
    frames: [openChat, frame(RST_STREAM, 0, 1, 'abc')],
    code: FRAME_SIZE_ERROR,
  },
  { name: 'WINDOW_UPDATE of 3 bytes', frames: [frame(WINDOW_UPDATE, 0, 0, 'abc')], code: FRAME_SIZE_ERROR },
  { name: 'WINDOW_UPDATE of 0', frames: [frame(WINDOW_UPDATE, 0, 0, number32(0))], code: PROTOCOL_ERROR },
  {
    name: 'WINDOW_UPDATE on an idle stream',
    frames: [frame(WINDOW_UPDATE, 0, 7, number32(1))],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'a connection window beyond 2^31',
    frames: [frame(WINDOW_UPDATE, 0, 0, number32(0x7fff_ffff))],
    code: FLOW_CONTROL_ERROR,
  },
  { name: 'GOAWAY on a stream', frames: [frame(GOAWAY, 0, 1, Buffer.alloc(8))], code: PROTOCOL_ERROR },
  { name: 'GOAWAY of 4 bytes', frames: [frame(GOAWAY, 0, 0, Buffer.alloc(4))], code: FRAME_SIZE_ERROR },
  { name: 'PUSH_PROMISE', frames: [frame(PUSH_PROMISE, whole, 1, Buffer.alloc(8))], code: PROTOCOL_ERROR },
];

for (const { name, frames, code, limits } of endsConnection)
  test(`${name} ends the connection with its code, byte by byte too`, async () => {
    for (const split of [false, true]) {
      const bytes = Buffer.concat(frames);
      if (split && bytes.length > 2_000) continue;
      const { routes, calls } = service();
      const peer = new MemoryPeer(routes, limits);
      peer.open();
      if (split) for (const byte of bytes) peer.feed(Buffer.from([byte]));
      else peer.feed(bytes);
      assert.equal(goawayCode(await peer.frames()), code);
      assert.equal(peer.ended, true, 'the socket was ended');
      assert.equal(peer.connection.dead, true);
      for (const call of calls) assert.equal(call.over, true, 'its calls were ended');
      const before = peer.writes;
      peer.feed(frame(PING, 0, 0, '12345678'));
      await peer.frames();
      assert.equal(peer.writes, before, 'nothing is answered afterwards');
    }
  });

test('a client that does not begin with the preface and SETTINGS is told PROTOCOL_ERROR', async () => {
  for (const first of [
    Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'),
    Buffer.concat([preface, frame(PING, 0, 0, '12345678')]),
    Buffer.concat([preface, frame(SETTINGS, Flag.ACK, 0)]),
  ]) {
    const peer = new MemoryPeer(service().routes);
    peer.feed(first);
    assert.equal(goawayCode(await peer.frames()), PROTOCOL_ERROR);
    assert.equal(peer.ended, true);
  }
});

const malformed = (more: Record<string, string>): Buffer =>
  frame(HEADERS, whole | end, 1, block({ ...request('/t.T/Echo'), ...more }));
const resetsStream: readonly (Case & { readonly code: number })[] = [
  { name: 'an upper-case header name', frames: [malformed({ Foo: 'x' })], code: PROTOCOL_ERROR },
  { name: 'a header value with a line feed', frames: [malformed({ foo: 'x\ny' })], code: PROTOCOL_ERROR },
  { name: 'a connection header', frames: [malformed({ connection: 'close' })], code: PROTOCOL_ERROR },
  { name: 'te other than trailers', frames: [malformed({ te: 'gzip' })], code: PROTOCOL_ERROR },
  {
    name: 'an unknown pseudo-header',
    frames: [frame(HEADERS, whole | end, 1, block({ ':x': '1', ...request('/t.T/Echo') }))],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'a pseudo-header behind a header',
    frames: [malformed({ ':protocol': 'x' })],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'two paths',
    frames: [frame(HEADERS, whole, 1, block([[':path', '/a'], ...Object.entries(request('/t.T/Echo'))]))],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'a method that is no token',
    frames: [frame(HEADERS, whole | end, 1, block({ ...request('/t.T/Echo'), ':method': 'GET /a' }))],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'no path',
    frames: [frame(HEADERS, whole | end, 1, block({ ':method': 'POST', ':scheme': 'http' }))],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'a content-length that is not true',
    frames: [
      frame(HEADERS, whole, 1, block(request('/t.T/Echo', { 'content-length': '3' }))),
      frame(DATA, end, 1, hello),
    ],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'more than content-length says, of a request that goes on,',
    frames: [
      frame(HEADERS, whole, 1, block(request('/t.T/Ignore', { 'content-length': '3' }))),
      frame(DATA, 0, 1, hello),
    ],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'a header list that is too large',
    frames: [
      frame(HEADERS, end, 1, echoBlock),
      frame(CONTINUATION, 0, 1, block({ big: 'x'.repeat(9_000) })),
      frame(CONTINUATION, whole, 1, block({ huge: 'x'.repeat(9_000) })),
    ],
    code: ENHANCE_YOUR_CALM,
  },
  {
    name: 'a header bomb of one entry repeated',
    frames: [
      frame(
        HEADERS,
        whole | end,
        1,
        Buffer.concat([
          echoBlock,
          Buffer.from([0x40, 1, 97, 127, 0x81, 0x1e]),
          Buffer.alloc(4_000, 98),
          Buffer.alloc(10_000, 0xbe),
        ]),
      ),
    ],
    code: ENHANCE_YOUR_CALM,
  },
  {
    name: 'DATA behind the end of a request',
    frames: [
      frame(HEADERS, whole, 1, block(request('/t.T/Hang'))),
      frame(DATA, end, 1, hello),
      frame(DATA, 0, 1, 'x'),
    ],
    code: STREAM_CLOSED,
  },
  {
    name: 'trailers that do not end the stream',
    frames: [openChat, frame(HEADERS, whole, 1, block({ a: 'b' }))],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'trailers with a pseudo-header',
    frames: [openChat, frame(HEADERS, whole | end, 1, block({ ':path': 'b' }))],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'WINDOW_UPDATE of 0 on a stream',
    frames: [openChat, frame(WINDOW_UPDATE, 0, 1, number32(0))],
    code: PROTOCOL_ERROR,
  },
  {
    name: 'a stream window beyond 2^31',
    frames: [openChat, frame(WINDOW_UPDATE, 0, 1, number32(0x7fff_ffff))],
    code: FLOW_CONTROL_ERROR,
  },
  {
    name: 'PRIORITY of 4 bytes',
    frames: [openChat, frame(PRIORITY, 0, 1, number32(3))],
    code: FRAME_SIZE_ERROR,
  },
  {
    name: 'more data than the stream window',
    frames: [
      frame(HEADERS, whole, 1, block(request('/t.T/Ignore'))),
      ...many(8, () => frame(DATA, 0, 1, Buffer.alloc(9_000))),
    ],
    limits: { streamWindow: 65_535 },
    code: FLOW_CONTROL_ERROR,
  },
];

for (const { name, frames, code, limits } of resetsStream) {
  test(`${name} resets that stream only`, async () => {
    const { routes, calls } = service();
    const peer = new MemoryPeer(routes, limits);
    peer.open(...frames);
    assert.deepEqual(resets(await peer.frames()), { 1: code });
    assert.equal(peer.ended, false);
    for (const call of calls) assert.equal(call.signal.aborted, true, 'its handler was told');
    peer.feed(peer.call(3, '/t.T/Echo', Buffer.from('still here')));
    const later = await peer.frames();
    assert.equal(answers(later)[3]?.['grpc-status'], '0');
    assert.equal(dataOf(later, 3).toString('latin1', 5), 'still here');
  });
}

test('streams beyond the limit are refused, also while handlers of reset streams still run', async () => {
  const peer = new MemoryPeer(service().routes, { maxConcurrentStreams: 2 });
  const deaf = (id: number): Buffer => peer.call(id, '/t.T/Deaf', Buffer.from('x'));
  peer.open(deaf(1), deaf(3), deaf(5));
  assert.deepEqual(resets(await peer.frames()), { 5: ErrorCode.REFUSED_STREAM });
  peer.feed(frame(RST_STREAM, 0, 1, number32(8)), frame(RST_STREAM, 0, 3, number32(8)), deaf(7));
  assert.equal(resets(await peer.frames())[7], ErrorCode.REFUSED_STREAM);
});

test('requests of one turn are answered with one write', async () => {
  const peer = new MemoryPeer(service().routes);
  peer.open();
  await peer.frames();
  const before = peer.writes;
  peer.feed(...many(50, (i) => peer.call(2 * i + 1, '/t.T/Echo', Buffer.from(`n${i}`))));
  const frames = await peer.frames();
  assert.equal(peer.writes - before, 1);
  for (let i = 0; i < 50; i++) assert.equal(dataOf(frames, 2 * i + 1).toString('latin1', 5), `n${i}`);
});

test('what gRPC forbids is answered with the status that says so', async () => {
  const cases: [Record<string, string>, string, Buffer, Record<string, string>][] = [
    [{}, '/t.T/Nothing', hello, { 'grpc-status': '12', ':status': '200' }],
    [
      { 'grpc-encoding': 'gzip' },
      '/t.T/Echo',
      hello,
      { 'grpc-status': '12', 'grpc-accept-encoding': 'identity' },
    ],
    [{ 'content-type': 'text/plain' }, '/t.T/Echo', hello, { ':status': '415' }],
    [{ ':method': 'GET' }, '/t.T/Echo', hello, { ':status': '405' }],
    [{ 'grpc-timeout': 'soon' }, '/t.T/Echo', hello, { 'grpc-status': '13' }],
    [
      {},
      '/t.T/Echo',
      Buffer.concat([Buffer.from([1]), number32(1), Buffer.from('x')]),
      { 'grpc-status': '13' },
    ],
    [{}, '/t.T/Echo', Buffer.concat([hello, hello]), { 'grpc-status': '12' }],
    [{}, '/t.T/Echo', hello.subarray(0, 7), { 'grpc-status': '13' }],
    [{}, '/t.T/Echo', Buffer.alloc(0), { 'grpc-status': '12' }],
    [{}, '/t.T/Echo', message(Buffer.alloc(2_000)), { 'grpc-status': '8' }],
    [{}, '/t.T/Chat', message(Buffer.alloc(2_000)), { 'grpc-status': '8' }],
  ];
  for (const [more, path, body, expected] of cases) {
    const peer = new MemoryPeer(service().routes, { maxReceiveBytes: 1_000 });
    peer.open(
      frame(HEADERS, whole, 1, block(request(path, more))),
      frame(DATA, end, 1, body),
      peer.call(3, '/t.T/Echo', Buffer.from('next')),
    );
    const all = answers(await peer.frames());
    for (const [name, value] of Object.entries(expected))
      assert.equal(all[1]?.[name], value, `${path} ${name}`);
    assert.equal(all[3]?.['grpc-status'], '0');
  }
});

test('a large answer obeys both windows and is whole in the end', async () => {
  const { routes } = service();
  const peer = new MemoryPeer(routes);
  peer.open(frame(SETTINGS, 0, 0, setting(4, 1_000)), peer.call(1, '/t.T/Large', Buffer.from('x')));
  assert.equal(dataOf(await peer.frames(), 1).length, 1_000);
  peer.feed(frame(WINDOW_UPDATE, 0, 1, number32(1_000_000)));
  assert.equal(dataOf(await peer.frames(), 1).length, 65_535, 'the connection window is the default');
  peer.feed(frame(WINDOW_UPDATE, 0, 0, number32(1_000_000)));
  const frames = await peer.frames(20);
  const data = dataOf(frames, 1);
  assert.equal(data.length, 40 * 10_005);
  for (let i = 0; i < 40; i++) assert.equal(data[i * 10_005 + 5], i);
  assert.equal(answers(frames)[1]?.['grpc-status'], '0');
});

test('a client may make room as often as what it is sent calls for, and no more often', async () => {
  const peer = new MemoryPeer(service().routes, { idleFrames: 20, idleFramesPerSecond: 0 });
  peer.open(
    frame(SETTINGS, 0, 0, setting(4, 1_000_000)),
    frame(WINDOW_UPDATE, 0, 0, number32(1_000_000)),
    peer.call(1, '/t.T/Large', Buffer.from('x')),
  );
  const sent = dataOf(await peer.frames(20), 1).length;
  assert.equal(sent, 40 * 10_005);
  // As Go's clients do.
  for (let read = 4_096; read < sent; read += 4_096)
    peer.feed(frame(WINDOW_UPDATE, 0, 0, number32(4_096)), frame(WINDOW_UPDATE, 0, 1, number32(4_096)));
  peer.feed(peer.call(3, '/t.T/Echo', Buffer.from('still here')));
  assert.equal(dataOf(await peer.frames(), 3).toString('latin1', 5), 'still here');
  for (let i = 0; i < 200; i++) peer.feed(frame(WINDOW_UPDATE, 0, 0, number32(1)));
  assert.equal(goawayCode(await peer.frames()), ENHANCE_YOUR_CALM);
});

test('a stream whose window SETTINGS takes away while it waits for its turn sends nothing', async () => {
  const peer = new MemoryPeer(service().routes);
  peer.open(peer.call(1, '/t.T/Large', Buffer.from('x')), peer.call(3, '/t.T/Large', Buffer.from('x')));
  const before = await peer.frames();
  assert.equal(dataOf(before, 1).length, 65_535);
  // Both have room of their own, the connection has none: then the first stream's is less than nothing.
  peer.feed(frame(WINDOW_UPDATE, 0, 1, number32(50_000)), frame(SETTINGS, 0, 0, setting(4, 0)));
  peer.feed(frame(WINDOW_UPDATE, 0, 0, number32(200_000)));
  const data = (await peer.frames()).slice(before.length).filter(({ type }) => type === DATA);
  assert.deepEqual(data, []);
  peer.feed(frame(WINDOW_UPDATE, 0, 1, number32(100_000)));
  const frames = await peer.frames(20);
  assert.equal(dataOf(frames, 1).length, 65_535 + 50_000 - 65_535 + 100_000);
  assert.equal(dataOf(frames, 3).length, 0);
  assert.equal(peer.ended, false);
});

test('a handler is held up while its client does not take messages, and streams take turns', async () => {
  const { routes, calls } = service();
  const peer = new MemoryPeer(routes);
  peer.open(peer.call(1, '/t.T/Large', Buffer.from('x')), peer.call(3, '/t.T/Large', Buffer.from('x')));
  const frames = await peer.frames();
  const [one, three] = [dataOf(frames, 1).length, dataOf(frames, 3).length];
  assert.equal(one + three, 65_535);
  for (const call of calls) assert.ok(call.queuedBytes < 80_000, `${call.queuedBytes} bytes wait`);
  peer.feed(frame(RST_STREAM, 0, 1, number32(8)), frame(WINDOW_UPDATE, 0, 0, number32(50_000)));
  const later = await peer.frames();
  assert.equal(dataOf(later, 1).length, one);
  assert.ok(dataOf(later, 3).length > three);
});

test('a peer that reads nothing is not read from, and is disconnected in the end', async () => {
  const peer = new MemoryPeer(service().routes, { pauseBytes: 1_000, stallMs: 1_000 });
  peer.open();
  await peer.frames();
  peer.writableLength = 5_000;
  peer.feed(frame(PING, 0, 0, '12345678'));
  await peer.frames();
  assert.equal(peer.paused, true);
  const now = performance.now();
  peer.connection.tick(now);
  assert.equal(peer.destroyed, false);
  peer.connection.tick(now + 2_000);
  assert.equal(peer.destroyed, true);
});

test('silence is answered with PING, and more silence with the end', async () => {
  const peer = new MemoryPeer(service().routes, { keepaliveMs: 1_000, keepaliveTimeoutMs: 500 });
  peer.open();
  const now = performance.now();
  peer.connection.tick(now + 1_500);
  assert.ok((await peer.frames()).some(({ type, flags }) => type === PING && flags === 0));
  peer.feed(frame(PING, Flag.ACK, 0, 'anyone??'));
  peer.connection.tick(now + 1_600);
  assert.equal(peer.destroyed, false);
  peer.connection.tick(now + 4_000);
  peer.connection.tick(now + 6_000);
  assert.equal(peer.destroyed, true);
});

test('who asks now and then is not idle, however short its streams are; who asks nothing is asked to go', async () => {
  const peer = new MemoryPeer(service().routes, { idleMs: 1_000 });
  const isAsked = async (): Promise<boolean> => (await peer.frames()).some(({ type }) => type === GOAWAY);
  peer.open();
  const start = performance.now();
  for (let i = 1; i <= 5; i++) {
    peer.feed(peer.call(2 * i - 1, '/t.T/Echo', Buffer.from('x')));
    await peer.frames();
    assert.equal(peer.connection.open, 0);
    peer.connection.tick(start + 900 * i);
    assert.equal(await isAsked(), false);
  }
  peer.connection.tick(start + 5_600);
  assert.equal(await isAsked(), true);
});

test('leaving names the last stream once the client has answered, and waits for what runs', async () => {
  const { routes, calls } = service();
  const peer = new MemoryPeer(routes);
  peer.open(peer.call(1, '/t.T/Hang', Buffer.from('x')));
  peer.connection.leave();
  assert.equal(
    (await peer.frames()).findLast(({ type }) => type === GOAWAY)?.payload.readUInt32BE(0),
    0x7fff_ffff,
  );
  // On its way while we said goodbye.
  peer.feed(peer.call(3, '/t.T/Echo', Buffer.from('late')), frame(PING, Flag.ACK, 0, 'goodbye!'));
  peer.feed(peer.call(5, '/t.T/Echo', Buffer.from('too late')));
  const frames = await peer.frames();
  assert.equal(frames.findLast(({ type }) => type === GOAWAY)?.payload.readUInt32BE(0), 3);
  assert.equal(answers(frames)[3]?.['grpc-status'], '0');
  assert.equal(resets(frames)[5], ErrorCode.REFUSED_STREAM);
  assert.equal(peer.ended, false);
  peer.connection.abandon();
  assert.equal(answers(await peer.frames())[1]?.['grpc-status'], '14');
  assert.equal(calls[0]?.signal.aborted, true);
  assert.equal(peer.ended, true);
});

test('who is abandoned behind a full socket is told so on every stream, once', async () => {
  const { routes } = service();
  const peer = new MemoryPeer(routes);
  peer.open(
    frame(HEADERS, whole, 1, chatBlock),
    peer.call(3, '/t.T/Hang', Buffer.from('x')),
    peer.call(5, '/t.T/Hang', Buffer.from('x')),
  );
  await peer.frames();
  // No answer is handed over, and requests are still read.
  peer.writableLength = 300_000;
  peer.feed(frame(DATA, 0, 1, hello));
  // It has left, and waits for what runs: the end of the last stream is the end of the connection, too.
  peer.connection.leave();
  peer.feed(frame(PING, Flag.ACK, 0, 'goodbye!'));
  assert.deepEqual(answers(await peer.frames()), {});
  peer.connection.abandon();
  const frames = await peer.frames();
  assert.deepEqual([answers(frames)[3]?.['grpc-status'], answers(frames)[5]?.['grpc-status']], ['14', '14']);
  assert.equal(frames.filter(({ type, id }) => type === HEADERS && id === 5).length, 1);
  // The data of the first still waits for the socket; of its answer only the head is on its way.
  assert.equal(answers(frames)[1]?.[':status'], '200');
  assert.equal(peer.connection.open, 0);
  assert.equal(peer.ends, 1);
});

test('a connection that has left ends once, with the end of its last stream behind a full socket', async () => {
  const peer = new MemoryPeer(service().routes);
  peer.open(peer.call(1, '/t.T/Hang', Buffer.from('x')));
  peer.connection.leave();
  peer.feed(frame(PING, Flag.ACK, 0, 'goodbye!'));
  await peer.frames();
  peer.writableLength = 300_000;
  peer.connection.abandon();
  assert.equal(answers(await peer.frames())[1]?.['grpc-status'], '14');
  assert.equal(peer.ends, 1);
});

test('incomplete requests beyond the bound are given room one at a time and all complete', async () => {
  const peer = new MemoryPeer(service().routes, {
    streamWindow: 65_535,
    assemblyBytes: 160_000,
    maxReceiveBytes: 1 << 20,
  });
  const size = 190_000;
  const ids = [1, 3, 5, 7, 9];
  peer.open(frame(SETTINGS, 0, 0, setting(4, 1 << 20)), frame(WINDOW_UPDATE, 0, 0, number32(1 << 20)));
  const bodies = new Map(ids.map((id) => [id, message(Buffer.alloc(size, id))]));
  const windows = new Map(ids.map((id) => [id, 65_535]));
  for (const id of ids) peer.feed(frame(HEADERS, whole, id, echoBlock));
  let most = 0;
  let seen = 0;
  for (let round = 0; round < 200 && bodies.size > 0; round++) {
    for (const [id, body] of bodies) {
      const part = body.subarray(0, Math.min(16_000, windows.get(id) ?? 0));
      if (part.length === 0) continue;
      windows.set(id, (windows.get(id) ?? 0) - part.length);
      const rest = body.subarray(part.length);
      peer.feed(frame(DATA, rest.length === 0 ? end : 0, id, part));
      if (rest.length === 0) bodies.delete(id);
      else bodies.set(id, rest);
    }
    const frames = await peer.frames(2);
    for (const { type, id, payload } of frames.slice(seen))
      if (type === WINDOW_UPDATE && id !== 0)
        windows.set(id, (windows.get(id) ?? 0) + payload.readUInt32BE(0));
    seen = frames.length;
    let held = 0;
    for (const [, body] of bodies) held += size + 5 - body.length;
    most = Math.max(most, held);
  }
  assert.equal(bodies.size, 0, 'every request was sent');
  assert.ok(most < 160_000 + 5 * 65_535 + size, `${most} bytes were held`);
  const frames = await peer.frames(20);
  for (const id of ids) assert.equal(dataOf(frames, id).length, size + 5);
});

test('whatever arrives, in whatever pieces, the connection neither throws nor keeps a call', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const sound = Buffer.concat([
    preface,
    frame(SETTINGS, 0, 0, setting(4, 100_000)),
    frame(WINDOW_UPDATE, 0, 0, number32(1 << 20)),
    ...['Echo', 'Hang', 'Large'].map((name, i) =>
      Buffer.concat([
        frame(HEADERS, whole, 2 * i + 1, block(request(`/t.T/${name}`, { 'grpc-timeout': '5S' }))),
        frame(DATA, end, 2 * i + 1, hello),
      ]),
    ),
    frame(HEADERS, 0, 7, chatBlock.subarray(0, 20)),
    frame(CONTINUATION, whole, 7, chatBlock.subarray(20)),
    frame(DATA, 8, 7, Buffer.concat([Buffer.from([2]), hello, Buffer.alloc(2)])),
    frame(PING, 0, 0, '12345678'),
    frame(PRIORITY, 0, 7, Buffer.alloc(5)),
    frame(RST_STREAM, 0, 3, number32(8)),
    frame(DATA, end, 7, hello),
  ]);
  let ended = 0;
  for (let round = 0; round < 400; round++) {
    const bytes = Buffer.from(sound);
    for (let i = random(4); i >= 0; i--)
      bytes[preface.length + random(bytes.length - preface.length)] = random(256);
    const { routes, calls } = service();
    const peer = new MemoryPeer(routes);
    for (let at = 0; at < bytes.length;) {
      const size = 1 + random(random(2) === 0 ? 20 : 400);
      peer.connection.feed(bytes.subarray(at, at + size));
      at += size;
    }
    const frames = await peer.frames(2);
    const code = goawayCode(frames);
    assert.notEqual(code, ErrorCode.INTERNAL_ERROR, `SEED=${seed}, round ${round}`);
    if (peer.connection.dead) ended++;
    peer.connection.closed();
    assert.equal(peer.connection.open, 0);
    for (const call of calls) assert.equal(call.over, true);
  }
  assert.ok(ended > 20, `${ended} of 400 were ended, SEED=${seed}`);
});

test('a deadline ends a call that its handler does not', async () => {
  const { routes, calls } = service();
  const peer = new MemoryPeer(routes);
  peer.open(
    peer.call(1, '/t.T/Deaf', Buffer.from('x'), { 'grpc-timeout': '20m' }),
    peer.call(3, '/t.T/Deaf', Buffer.from('x'), { 'grpc-timeout': '40m' }),
  );
  const until = Date.now() + 60_000;
  while (peer.connection.open > 0 && Date.now() < until) await peer.frames(1);
  const frames = await peer.frames();
  assert.equal(answers(frames)[1]?.['grpc-status'], '4');
  assert.equal(answers(frames)[3]?.['grpc-status'], '4');
  assert.ok(calls.every((call) => call.signal.aborted));
});

test('limits with which somebody could wait for ever are not accepted', () => {
  const { routes } = service();
  assert.throws(
    () => new MemoryPeer(routes, { socketBytes: 65_535 }),
    /socketBytes is 65535, .* at least 65536/,
  );
  assert.throws(
    () => new MemoryPeer(routes, { streamWindow: 65_534 }),
    /streamWindow is 65534, .* at least 65535/,
  );
  assert.throws(() => new MemoryPeer(routes, { connectionWindow: 65_534 }), /connectionWindow is 65534/);
  assert.ok(new MemoryPeer(routes, { socketBytes: 65_536, streamWindow: 65_535, connectionWindow: 65_535 }));
});
