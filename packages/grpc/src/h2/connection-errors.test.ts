import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Limits } from './limits.ts';
import { block, frame, MemoryPeer, number32, request } from './memory-peer.ts';
import {
  chatBlock,
  echoBlock,
  end,
  goawayCode,
  many,
  openChat,
  openEcho,
  service,
  setting,
  whole,
} from './memory-service.ts';
import { ErrorCode, Flag, FrameType, preface } from './protocol.ts';

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
