import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, MemoryPeer } from './memory-peer.ts';
import { answers, chatBlock, hello, resets, service, whole } from './memory-service.ts';
import { ErrorCode, Flag, FrameType } from './protocol.ts';

const { HEADERS, DATA, PING, GOAWAY } = FrameType;

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
