import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, MemoryPeer, message, number32 } from './memory-peer.ts';
import { answers, dataOf, echoBlock, end, goawayCode, service, setting, whole } from './memory-service.ts';
import { ErrorCode, FrameType } from './protocol.ts';

const { HEADERS, DATA, SETTINGS, RST_STREAM, WINDOW_UPDATE } = FrameType;
const { ENHANCE_YOUR_CALM } = ErrorCode;

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
