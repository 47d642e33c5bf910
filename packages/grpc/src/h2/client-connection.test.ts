/** What a server's bytes do to calls: good ones, hostile ones, and the ends of connections. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { GrpcError, Status } from '../error.ts';
import type { ClientCall } from './client-call.ts';
import { ClientConnection, clientLimits } from './client-connection.ts';
import { StreamClientCall, UnaryClientCall } from './grpc-call.ts';
import { block, type Frame, frame, message, number32 } from './memory-peer.ts';
import type { Transport } from './output.ts';
import { ErrorCode, Flag, FrameType, preface, Setting } from './protocol.ts';

const head = Buffer.from([0x83]);
const settings = frame(FrameType.SETTINGS, 0, 0);
const begin = (id: number): Buffer =>
  frame(
    FrameType.HEADERS,
    Flag.END_HEADERS,
    id,
    block({ ':status': '200', 'content-type': 'application/grpc' }),
  );
const end = (id: number, fields: Record<string, string> = { 'grpc-status': '0' }): Buffer =>
  frame(FrameType.HEADERS, Flag.END_HEADERS | Flag.END_STREAM, id, block(fields));
const data = (id: number, payload: Buffer): Buffer => frame(FrameType.DATA, 0, id, payload);

class Bench implements Transport {
  readonly connection: ClientConnection;
  readonly unserved: ClientCall[] = [];
  retired = false;
  busy = false;
  ended = false;
  writableLength = 0;
  readonly #written: Buffer[] = [];

  constructor(limits = clientLimits) {
    this.connection = new ClientConnection(
      this,
      {
        retired: () => (this.retired = true),
        unserved: (call) => this.unserved.push(call),
        busy: (busy) => (this.busy = busy),
      },
      limits,
    );
  }

  write(bytes: Buffer): boolean {
    this.#written.push(Buffer.from(bytes));
    return true;
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {
    this.ended = true;
  }
  destroy(): void {}

  /** An unary call, and what became of it: its answer, its error's code, or `open`. */
  call(request: Buffer = Buffer.from('q')): { call: UnaryClientCall; outcome: () => string | number } {
    let outcome: string | number = 'open';
    let times = 0;
    const call = new UnaryClientCall(
      { head, message: request, maxReceiveBytes: 1_000_000 },
      (error, bytes) => {
        times += 1;
        outcome = error === undefined ? (bytes?.toString() ?? '') : error.code;
        assert.equal(times, 1, 'a call ends once');
      },
    );
    this.connection.start(call);
    return { call, outcome: () => outcome };
  }

  feed(...frames: Buffer[]): void {
    this.connection.feed(Buffer.concat(frames));
  }

  async frames(): Promise<Frame[]> {
    for (let i = 0; i < 4; i++) await turn();
    const bytes = Buffer.concat(this.#written).subarray(preface.length);
    const frames: Frame[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = bytes.readUIntBE(at, 3);
      frames.push({
        type: bytes[at + 3] ?? 0,
        flags: bytes[at + 4] ?? 0,
        id: bytes.readUInt32BE(at + 5),
        payload: bytes.subarray(at + 9, at + 9 + length),
      });
      at += 9 + length;
    }
    return frames;
  }
}

test('answers come to the calls that asked, in any order and in any pieces', () => {
  const bench = new Bench();
  const [a, b] = [bench.call(), bench.call()];
  assert.equal(bench.busy, true);
  const bytes = Buffer.concat([
    settings,
    begin(3),
    begin(1),
    data(3, message('second').subarray(0, 7)),
    data(1, message('first')),
    end(1),
    data(3, message('second').subarray(7)),
    end(3),
  ]);
  for (const byte of bytes) bench.connection.feed(Buffer.from([byte]));
  assert.deepEqual(
    [a.outcome(), b.outcome(), bench.busy, bench.connection.dead],
    ['first', 'second', false, false],
  );
});

const ok = { ':status': '200', 'content-type': 'application/grpc' };
const answers: readonly (readonly [string, string | number, readonly Buffer[]])[] = [
  ['an error instead of an answer', Status.NOT_FOUND, [end(1, { ...ok, 'grpc-status': '5' })]],
  [
    'an error behind an answer',
    Status.ABORTED,
    [begin(1), data(1, message('x')), end(1, { 'grpc-status': '10' })],
  ],
  ['OK without an answer', Status.INTERNAL, [begin(1), end(1)]],
  ['two answers', Status.INTERNAL, [begin(1), data(1, message('x')), data(1, message('y')), end(1)]],
  [
    'two answers in one frame',
    Status.INTERNAL,
    [begin(1), data(1, Buffer.concat([message('x'), message('y')])), end(1)],
  ],
  ['an answer that is cut off', Status.INTERNAL, [begin(1), data(1, message('xyz').subarray(0, 6)), end(1)]],
  ['the end without a status', Status.UNKNOWN, [begin(1), data(1, message('x')), end(1, { other: 'x' })]],
  [
    'data that ends the call',
    Status.INTERNAL,
    [begin(1), frame(FrameType.DATA, Flag.END_STREAM, 1, message('x'))],
  ],
  ['data before headers', Status.INTERNAL, [data(1, message('x'))]],
  ['headers twice', Status.INTERNAL, [begin(1), begin(1)]],
  [
    'an interim answer first',
    'x',
    [
      frame(FrameType.HEADERS, Flag.END_HEADERS, 1, block({ ':status': '103' })),
      begin(1),
      data(1, message('x')),
      end(1),
    ],
  ],
  ['HTTP 404', Status.UNIMPLEMENTED, [end(1, { ':status': '404' })]],
  [
    'HTTP 503 with a page',
    Status.UNAVAILABLE,
    [frame(FrameType.HEADERS, Flag.END_HEADERS, 1, block({ ':status': '503', 'content-type': 'text/html' }))],
  ],
  [
    'a page',
    Status.UNKNOWN,
    [frame(FrameType.HEADERS, Flag.END_HEADERS, 1, block({ ':status': '200', 'content-type': 'text/html' }))],
  ],
  ['a status that is none', Status.UNKNOWN, [end(1, { ...ok, 'grpc-status': 'x' })]],
  [
    'a compressed message',
    Status.INTERNAL,
    [begin(1), data(1, Buffer.concat([Buffer.from([1]), number32(1), Buffer.from('x')])), end(1)],
  ],
  [
    'a message that is too long',
    Status.RESOURCE_EXHAUSTED,
    [begin(1), data(1, Buffer.concat([Buffer.from([0]), number32(2_000_000)]))],
  ],
  ['a reset by CANCEL', Status.CANCELLED, [frame(FrameType.RST_STREAM, 0, 1, number32(ErrorCode.CANCEL))]],
  [
    'a reset by INTERNAL_ERROR',
    Status.INTERNAL,
    [frame(FrameType.RST_STREAM, 0, 1, number32(ErrorCode.INTERNAL_ERROR))],
  ],
  [
    'a reset by ENHANCE_YOUR_CALM',
    Status.RESOURCE_EXHAUSTED,
    [frame(FrameType.RST_STREAM, 0, 1, number32(ErrorCode.ENHANCE_YOUR_CALM))],
  ],
];

for (const [what, expected, frames] of answers)
  test(`${what} ends the call, and only that`, async () => {
    const bench = new Bench();
    const { outcome } = bench.call();
    bench.feed(settings, ...frames);
    assert.equal(outcome(), expected);
    assert.equal(bench.connection.dead, false);
    const other = bench.call();
    bench.feed(begin(3), data(3, message('fine')), end(3));
    assert.equal(other.outcome(), 'fine');
    assert.equal(
      (await bench.frames()).some(({ type }) => type === FrameType.GOAWAY),
      false,
    );
  });

const broken: readonly (readonly [string, number, readonly Buffer[]])[] = [
  ['no SETTINGS first', ErrorCode.PROTOCOL_ERROR, [frame(FrameType.PING, 0, 0, Buffer.alloc(8))]],
  ['data of a stream that was never opened', ErrorCode.PROTOCOL_ERROR, [settings, data(9, message('x'))]],
  ['headers of an even stream', ErrorCode.PROTOCOL_ERROR, [settings, begin(2)]],
  [
    'a push',
    ErrorCode.PROTOCOL_ERROR,
    [settings, frame(FrameType.PUSH_PROMISE, Flag.END_HEADERS, 1, number32(2))],
  ],
  [
    'a header block that no table explains',
    ErrorCode.COMPRESSION_ERROR,
    [settings, frame(FrameType.HEADERS, Flag.END_HEADERS, 1, Buffer.from([0xff, 0x7f]))],
  ],
  [
    'a frame that is too long',
    ErrorCode.FRAME_SIZE_ERROR,
    [settings, Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1])],
  ],
  [
    'a header block without end',
    ErrorCode.ENHANCE_YOUR_CALM,
    [
      settings,
      frame(FrameType.HEADERS, 0, 1, 'x'),
      ...Array.from({ length: 10 }, () => frame(FrameType.CONTINUATION, 0, 1, 'x')),
    ],
  ],
  [
    'a block that is interrupted',
    ErrorCode.PROTOCOL_ERROR,
    [settings, frame(FrameType.HEADERS, 0, 1, 'x'), settings],
  ],
  [
    'a window wider than there is',
    ErrorCode.FLOW_CONTROL_ERROR,
    [settings, frame(FrameType.WINDOW_UPDATE, 0, 0, number32(0x7fff_ffff))],
  ],
  [
    'a window update of nothing',
    ErrorCode.PROTOCOL_ERROR,
    [settings, frame(FrameType.WINDOW_UPDATE, 0, 0, number32(0))],
  ],
  [
    'a ping of seven bytes',
    ErrorCode.FRAME_SIZE_ERROR,
    [settings, frame(FrameType.PING, 0, 0, Buffer.alloc(7))],
  ],
  [
    'the end of a stream that was never opened',
    ErrorCode.PROTOCOL_ERROR,
    [settings, frame(FrameType.RST_STREAM, 0, 3, number32(ErrorCode.CANCEL))],
  ],
  ['a priority of nothing', ErrorCode.PROTOCOL_ERROR, [settings, frame(FrameType.PRIORITY, 0, 0, 'xxxxx')]],
  ['SETTINGS of odd length', ErrorCode.FRAME_SIZE_ERROR, [frame(FrameType.SETTINGS, 0, 0, 'x')]],
];

for (const [what, code, frames] of broken)
  test(`${what} ends the connection, and every call on it with UNAVAILABLE`, async () => {
    const bench = new Bench();
    const { outcome } = bench.call();
    bench.feed(...frames);
    assert.deepEqual(
      [outcome(), bench.connection.dead, bench.ended, bench.retired],
      [Status.UNAVAILABLE, true, true, true],
    );
    const goaway = (await bench.frames()).find(({ type }) => type === FrameType.GOAWAY);
    assert.equal(goaway?.payload.readUInt32BE(4), code);
  });

test('a server that breaks a rule about one stream with a control frame loses that call only', async () => {
  for (const [hostile, code] of [
    [frame(FrameType.WINDOW_UPDATE, 0, 1, number32(0)), ErrorCode.PROTOCOL_ERROR],
    [frame(FrameType.WINDOW_UPDATE, 0, 1, number32(0x7fff_ffff)), ErrorCode.FLOW_CONTROL_ERROR],
    [frame(FrameType.PRIORITY, 0, 1, number32(1)), ErrorCode.FRAME_SIZE_ERROR],
  ] as const) {
    const bench = new Bench();
    const [a, b] = [bench.call(), bench.call()];
    bench.feed(settings, hostile, begin(3), data(3, message('fine')), end(3));
    assert.deepEqual([a.outcome(), b.outcome(), bench.connection.dead], [Status.INTERNAL, 'fine', false]);
    const reset = (await bench.frames()).find(({ type }) => type === FrameType.RST_STREAM);
    assert.deepEqual([reset?.id, reset?.payload.readUInt32BE(0)], [1, code]);
  }
});

test('a server that sends more than it was allowed on one stream loses that call only', () => {
  const bench = new Bench({ ...clientLimits, streamWindow: 20_000 });
  const { outcome } = bench.call();
  const call = new StreamClientCall(
    { head, message: Buffer.from('q'), maxReceiveBytes: 1_000_000 },
    () => undefined,
  );
  bench.connection.start(call);
  bench.feed(settings, begin(3), data(3, Buffer.alloc(16_000)), data(3, Buffer.alloc(16_000)));
  assert.deepEqual([call.over, outcome(), bench.connection.dead], [true, 'open', false]);
});

test('calls that the server did not look at come back, and are not failed', () => {
  const bench = new Bench();
  const [a, b, c] = [bench.call(), bench.call(), bench.call()];
  const goaway = Buffer.concat([number32(1), number32(ErrorCode.NO_ERROR)]);
  bench.feed(
    settings,
    frame(FrameType.RST_STREAM, 0, 5, number32(ErrorCode.REFUSED_STREAM)),
    frame(FrameType.GOAWAY, 0, 0, goaway),
  );
  assert.deepEqual(bench.unserved, [c.call, b.call]);
  assert.equal(bench.retired, true);
  assert.equal(bench.ended, false, 'one call is still served');
  bench.feed(begin(1), data(1, message('served')), end(1));
  assert.deepEqual([a.outcome(), b.outcome(), c.outcome(), bench.ended], ['served', 'open', 'open', true]);
  assert.deepEqual([b.call.restart(), b.call.id], [true, 0]);
});

test('no more calls run at a time than the server allows; the others wait for their turn', async () => {
  const bench = new Bench();
  const two = Buffer.concat([Buffer.from([0, Setting.MAX_CONCURRENT_STREAMS]), number32(2)]);
  bench.feed(frame(FrameType.SETTINGS, 0, 0, two));
  const calls = [bench.call(), bench.call(), bench.call(), bench.call()];
  const opened = async (): Promise<number> =>
    (await bench.frames()).filter(({ type }) => type === FrameType.HEADERS).length;
  assert.equal(await opened(), 2);
  bench.feed(begin(1), data(1, message('1')), end(1));
  assert.equal(await opened(), 3);
  const last = calls[3]?.call;
  assert.ok(last !== undefined);
  last.carrier?.cancel(last, new GrpcError(Status.CANCELLED, 'enough'));
  assert.equal(calls[3]?.outcome(), Status.CANCELLED);
  assert.equal(await opened(), 3);
});

test('a request longer than the windows goes on as the server widens them', async () => {
  const bench = new Bench();
  const request = Buffer.alloc(200_000, 7);
  const { outcome } = bench.call(request);
  const sent = async (): Promise<number> =>
    (await bench.frames())
      .filter(({ type }) => type === FrameType.DATA)
      .reduce((sum, { payload }) => sum + payload.length, 0);
  assert.equal(await sent(), 65_535);
  bench.feed(settings, frame(FrameType.WINDOW_UPDATE, 0, 0, number32(1_000_000)));
  assert.equal(await sent(), 65_535, 'the stream has no room yet');
  bench.feed(frame(FrameType.WINDOW_UPDATE, 0, 1, number32(1_000_000)));
  assert.equal(await sent(), 200_005);
  bench.feed(begin(1), data(1, message('ok')), end(1));
  assert.equal(outcome(), 'ok');
});

test('what is read late is asked for late, and a reader that leaves tells the server', async () => {
  const bench = new Bench({ ...clientLimits, streamWindow: 30_000 });
  const call = new StreamClientCall(
    { head, message: Buffer.from('q'), maxReceiveBytes: 1_000_000 },
    () => undefined,
  );
  bench.connection.start(call);
  const part = message(Buffer.alloc(9_000, 1));
  bench.feed(settings, begin(1), data(1, part), data(1, part), data(1, part));
  const widened = async (): Promise<number> =>
    (await bench.frames())
      .filter(({ type, id }) => type === FrameType.WINDOW_UPDATE && id === 1)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
  assert.equal(await widened(), 0);
  for (let i = 0; i < 3; i++) assert.equal((await call.next()).value?.length, 9_000);
  assert.ok((await widened()) >= 15_000);
  call.carrier?.cancel(call, new GrpcError(Status.CANCELLED, 'enough'));
  const reset = (await bench.frames()).find(({ type }) => type === FrameType.RST_STREAM);
  assert.equal(reset?.payload.readUInt32BE(0), ErrorCode.CANCEL);
  bench.feed(data(1, part), end(1));
  assert.equal(bench.connection.dead, false, 'what was on its way is dropped');
});

test('a connection that closes ends every call that it carried, and gives back those that waited', () => {
  const bench = new Bench();
  const one = Buffer.concat([Buffer.from([0, Setting.MAX_CONCURRENT_STREAMS]), number32(1)]);
  bench.feed(frame(FrameType.SETTINGS, 0, 0, one));
  const [a, b] = [bench.call(), bench.call()];
  bench.connection.closed('read ECONNRESET');
  assert.deepEqual([a.outcome(), b.outcome(), bench.busy], [Status.UNAVAILABLE, 'open', false]);
  assert.deepEqual(bench.unserved, [b.call]);
});
