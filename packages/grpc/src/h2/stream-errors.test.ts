import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Limits } from './limits.ts';
import { block, frame, MemoryPeer, message, number32, request } from './memory-peer.ts';
import {
  answers,
  dataOf,
  echoBlock,
  end,
  hello,
  many,
  openChat,
  resets,
  service,
  whole,
} from './memory-service.ts';
import { ErrorCode, FrameType } from './protocol.ts';

const { HEADERS, DATA, CONTINUATION, PRIORITY, RST_STREAM, WINDOW_UPDATE } = FrameType;
const { PROTOCOL_ERROR, FRAME_SIZE_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, ENHANCE_YOUR_CALM } = ErrorCode;

interface Case {
  readonly name: string;
  readonly frames: readonly Buffer[];
  readonly limits?: Partial<Limits>;
}

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
