import assert from 'node:assert/strict';
import { test } from 'node:test';
import { block, frame, MemoryPeer, number32, request } from './memory-peer.ts';
import {
  answers,
  chatBlock,
  dataOf,
  end,
  goawayCode,
  hello,
  many,
  service,
  setting,
  whole,
} from './memory-service.ts';
import { ErrorCode, FrameType, preface } from './protocol.ts';

const { HEADERS, DATA, CONTINUATION, SETTINGS, PING, PRIORITY, RST_STREAM, WINDOW_UPDATE } = FrameType;

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
