/** Answers that are no gRPC, frame by frame: good ones, broken ones, and readers that take their time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { GrpcError, Status } from '../error.ts';
import { ClientConnection, clientLimits } from './client-connection.ts';
import type { Limits } from './limits.ts';
import { block, type Frame, frame, number32 } from './memory-peer.ts';
import type { Transport } from './output.ts';
import { ErrorCode, Flag, FrameType, preface, Setting } from './protocol.ts';
import type { ResponseHead } from './response-head.ts';
import { WebClientCall } from './web-call.ts';
import { webRequestHead } from './web-head.ts';

const settings = frame(FrameType.SETTINGS, 0, 0);
const head = webRequestHead('GET', 'a:1', '/', {});

function headers(fields: Readonly<Record<string, string>>, flags = 0, id = 1): Buffer {
  return frame(FrameType.HEADERS, Flag.END_HEADERS | flags, id, block(fields));
}

function data(text: string | Buffer, flags = 0, id = 1): Buffer {
  return frame(FrameType.DATA, flags, id, text);
}

interface Asked {
  readonly call: WebClientCall;
  /** What its caller was told: `200`, `failed: …`, or `unseen: …`. */
  readonly told: string[];
}

/** A client's connection whose server is the test. */
class Bench implements Transport {
  readonly connection: ClientConnection;
  retired = false;
  writableLength = 0;
  readonly #written: Buffer[] = [];

  constructor(limits: Partial<Limits> = {}) {
    this.connection = new ClientConnection(
      this,
      {
        retired: () => (this.retired = true),
        unserved: (call) => {
          if (call instanceof WebClientCall)
            call.turnedAway(new GrpcError(Status.UNAVAILABLE, 'not looked at'));
        },
        busy: () => undefined,
      },
      { ...clientLimits, ...limits },
    );
    this.connection.feed(settings);
  }

  ask(body?: Buffer, opening = head): Asked {
    const told: string[] = [];
    const call = new WebClientCall(
      { head: opening, message: body },
      {
        answered: ({ httpStatus }: ResponseHead) => told.push(httpStatus ?? ''),
        failed: ({ message }, unseen) => told.push(`${unseen ? 'unseen' : 'failed'}: ${message}`),
      },
    );
    this.connection.start(call);
    return { call, told };
  }

  feed(...frames: Buffer[]): void {
    this.connection.feed(Buffer.concat(frames));
  }

  write(bytes: Buffer): boolean {
    this.#written.push(Buffer.from(bytes));
    return true;
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}

  /** Frames of stream 1 since the last look. */
  async frames(): Promise<Frame[]> {
    for (let i = 0; i < 4; i++) await turn();
    let bytes = Buffer.concat(this.#written.splice(0));
    if (bytes.subarray(0, preface.length).equals(preface)) bytes = bytes.subarray(preface.length);
    const frames: Frame[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      const id = bytes.readUInt32BE(at + 5);
      if (id === 1)
        frames.push({
          type: bytes[at + 3] ?? 0,
          flags: bytes[at + 4] ?? 0,
          id,
          payload: bytes.subarray(at + 9, end),
        });
      at = end;
    }
    return frames;
  }

  async shape(): Promise<string[]> {
    return (await this.frames()).map(({ type, flags, payload }) =>
      type === FrameType.RST_STREAM || type === FrameType.WINDOW_UPDATE
        ? `${type} ${payload.readUInt32BE()}`
        : `${type} ${flags} ${payload.length}`,
    );
  }
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const piece of body) text += piece.toString();
  return text;
}

test('a request without a body is one frame, one with a body two', async () => {
  const bare = new Bench();
  bare.ask();
  assert.deepEqual(await bare.shape(), [
    `${FrameType.HEADERS} ${Flag.END_HEADERS | Flag.END_STREAM} ${head.length}`,
  ]);
  const full = new Bench();
  full.ask(Buffer.from('body'));
  assert.deepEqual(await full.shape(), [
    `${FrameType.HEADERS} ${Flag.END_HEADERS} ${head.length}`,
    `${FrameType.DATA} ${Flag.END_STREAM} 4`,
  ]);
});

test('a body beyond the windows goes on when the server gives room, and ends with its last bytes', async () => {
  const bench = new Bench();
  bench.ask(Buffer.alloc(70_000));
  const sent = async (): Promise<number[]> =>
    (await bench.frames()).filter(({ type }) => type === FrameType.DATA).map(({ payload }) => payload.length);
  assert.equal(
    (await sent()).reduce((sum, bytes) => sum + bytes, 0),
    65_535,
  );
  bench.feed(
    frame(FrameType.WINDOW_UPDATE, 0, 0, number32(70_000)),
    frame(FrameType.WINDOW_UPDATE, 0, 1, number32(70_000)),
  );
  const [last] = await bench.frames();
  assert.deepEqual([last?.payload.length, last?.flags], [70_000 - 65_535, Flag.END_STREAM]);
});

test('a head that is longer than a frame goes on in others', async () => {
  const bench = new Bench();
  const opening = webRequestHead('GET', 'a:1', '/', { authorization: 'x'.repeat(40_000) });
  bench.ask(undefined, opening);
  const frames = await bench.frames();
  assert.deepEqual(
    frames.map(({ type, flags }) => [type, flags]),
    [
      [FrameType.HEADERS, Flag.END_STREAM],
      [FrameType.CONTINUATION, 0],
      [FrameType.CONTINUATION, Flag.END_HEADERS],
    ],
  );
  assert.deepEqual(Buffer.concat(frames.map(({ payload }) => payload)), opening);
});

test('an answer comes in any pieces, behind what only announces it, and ends with data or trailers', async () => {
  const endings = [
    [data('two', Flag.END_STREAM)],
    [data('two'), data('', Flag.END_STREAM)],
    [data('two'), headers({ 'x-trailer': 'y' }, Flag.END_STREAM)],
  ];
  for (const ending of endings) {
    const bench = new Bench();
    const { call, told } = bench.ask();
    const bytes = Buffer.concat([
      headers({ ':status': '103' }),
      headers({ ':status': '201', 'x-a': 'b' }),
      data('one '),
      ...ending,
    ]);
    for (const byte of bytes) bench.connection.feed(Buffer.from([byte]));
    assert.deepEqual(told, ['201']);
    assert.equal(await textOf(call.body), 'one two');
    // The end is told again to whoever asks again.
    assert.equal((await call.body.next()).done, true);
    assert.equal(call.over, true);
  }
});

test('an answer without a body ends with its head, whatever length it promises', async () => {
  const bench = new Bench();
  const { call, told } = bench.ask();
  bench.feed(headers({ ':status': '200', 'content-length': '10' }, Flag.END_STREAM));
  assert.deepEqual(told, ['200']);
  assert.equal(await textOf(call.body), '');
});

const good = { ':status': '200' };
const broken: readonly (readonly [string, RegExp, readonly Buffer[]])[] = [
  ['a body before a head', /before headers/, [data('x')]],
  ['an end before a head', /before it began/, [data('', Flag.END_STREAM)]],
  ['a head without a status', /without a status/, [headers({ 'x-a': 'b' })]],
  ['a second head', /middle of an answer/, [headers(good), headers(good)]],
  ['trailers that end nothing', /middle of an answer/, [headers(good), headers({ 'x-a': 'b' })]],
  [
    'fewer bytes than promised',
    /2 bytes before its end/,
    [headers({ ...good, 'content-length': '5' }), data('abc', Flag.END_STREAM)],
  ],
  [
    'more bytes than promised',
    /longer than its head promised/,
    [headers({ ...good, 'content-length': '2' }), data('abc')],
  ],
  [
    'a reset',
    /INTERNAL_ERROR/,
    [headers(good), frame(FrameType.RST_STREAM, 0, 1, number32(ErrorCode.INTERNAL_ERROR))],
  ],
];
for (const [what, expected, frames] of broken)
  test(`${what} breaks an answer, and nothing else`, async () => {
    const bench = new Bench();
    const { call, told } = bench.ask();
    const other = bench.ask();
    bench.feed(...frames);
    if (told[0] === '200') await assert.rejects(textOf(call.body), expected);
    else assert.match(told[0] ?? '', expected);
    assert.equal(told.length, 1);
    bench.feed(headers(good, 0, 3), data('fine', Flag.END_STREAM, 3));
    assert.equal(await textOf(other.call.body), 'fine');
  });

test('what came before an answer broke is read before the error', async () => {
  const bench = new Bench();
  const { call } = bench.ask();
  bench.feed(headers(good), data('one'), data('two'));
  bench.connection.closed('pulled');
  assert.equal((await call.body.next()).value?.toString(), 'one');
  assert.equal((await call.body.next()).value?.toString(), 'two');
  await assert.rejects(call.body.next(), /pulled/);
  assert.equal((await call.body.next()).done, true);
});

test('who does not read gives no room, and holds up nobody else', async () => {
  const bench = new Bench({ streamWindow: 1_000, connectionWindow: 70_000 });
  const slow = bench.ask();
  const quick = bench.ask();
  await bench.frames();
  bench.feed(headers(good), data('x'.repeat(600)), data('y'.repeat(400)), headers(good, 0, 3));
  assert.deepEqual(await bench.shape(), []);
  // More than the connection's window on the other stream, read as it comes.
  for (let i = 0; i < 300; i++) {
    const piece = quick.call.body.next();
    bench.feed(data('z'.repeat(500), 0, 3));
    assert.equal((await piece).value?.length, 500);
  }
  assert.deepEqual(await bench.shape(), []);
  assert.equal((await slow.call.body.next()).value?.length, 600);
  assert.deepEqual(await bench.shape(), [`${FrameType.WINDOW_UPDATE} 600`]);
  assert.equal((await slow.call.body.next()).value?.length, 400);
  // A server that sends more than it may is cut off on this stream alone.
  bench.feed(data('w'.repeat(700)));
  await assert.rejects(slow.call.body.next(), /more data than the stream window allows/);
  assert.equal(quick.call.over, false);
});

test('who wants no more of an answer resets it, and what is still on its way is dropped', async () => {
  const bench = new Bench();
  const { call } = bench.ask();
  await bench.frames();
  bench.feed(headers(good), data('one'));
  const waiting = call.body;
  await waiting.next();
  const next = waiting.next();
  waiting.destroy(new Error('enough'));
  await assert.rejects(next, /enough/);
  bench.feed(data('two'), data('three', Flag.END_STREAM));
  assert.equal((await waiting.next()).done, true);
  assert.deepEqual(await bench.shape(), [`${FrameType.RST_STREAM} ${ErrorCode.CANCEL}`]);
  assert.equal(bench.connection.dead, false);
});

test('a server that asks to go elsewhere serves what it looked at, and the rest is known to be unseen', async () => {
  const bench = new Bench();
  const [first, second] = [bench.ask(), bench.ask()];
  bench.feed(frame(FrameType.GOAWAY, 0, 0, Buffer.concat([number32(1), number32(0)])));
  assert.equal(bench.retired, true);
  assert.deepEqual(second.told, ['unseen: not looked at']);
  bench.feed(headers(good), data('served', Flag.END_STREAM));
  assert.equal(await textOf(first.call.body), 'served');
  assert.equal(bench.connection.dead, true);
});

test('a request that was refused, or never sent, is unseen; one that was sent is not, when the connection breaks', () => {
  const bench = new Bench();
  bench.feed(
    frame(
      FrameType.SETTINGS,
      0,
      0,
      Buffer.concat([Buffer.from([0, Setting.MAX_CONCURRENT_STREAMS]), number32(2)]),
    ),
  );
  const [refused, sent, waiting] = [bench.ask(), bench.ask(), bench.ask()];
  bench.feed(frame(FrameType.RST_STREAM, 0, 1, number32(ErrorCode.REFUSED_STREAM)));
  const queued = bench.ask();
  assert.equal(waiting.call.id, 5);
  bench.connection.closed('pulled');
  assert.match(refused.told[0] ?? '', /^unseen/);
  assert.match(sent.told[0] ?? '', /^failed: .*pulled/);
  assert.match(waiting.told[0] ?? '', /^failed/);
  assert.match(queued.told[0] ?? '', /^unseen/);
});

test('a request that is given up before its answer is reset, and fails once', async () => {
  const bench = new Bench();
  const { call, told } = bench.ask();
  await bench.frames();
  call.cancel('too late');
  bench.feed(headers(good), data('late', Flag.END_STREAM));
  assert.deepEqual(told, ['failed: too late']);
  assert.deepEqual(await bench.shape(), [`${FrameType.RST_STREAM} ${ErrorCode.CANCEL}`]);
});
