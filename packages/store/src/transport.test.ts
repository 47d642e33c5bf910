import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { encodeFrame, FrameReader, type PeerFrame, peerProtocol } from './peer-wire.ts';
import { freePorts } from './testing/processes.ts';
import type { TransportOptions } from './transport-options.ts';
import { Transport } from './transport.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

interface Peer {
  readonly transport: Transport;
  readonly frames: PeerFrame[];
  readonly closed: string[];
  /** Why a connection could not be had. */
  readonly reasons: string[];
  readonly connected: Promise<void>;
}

function peer(member: string, cluster: string, more: Partial<TransportOptions> = {}): Peer {
  const frames: PeerFrame[] = [];
  const closed: string[] = [];
  const reasons: string[] = [];
  const connected = Promise.withResolvers<void>();
  const transport = new Transport({
    cluster,
    member,
    tls: undefined,
    log: { ...silent, warn: (fields) => void reasons.push((fields as { reason?: string }).reason ?? '') },
    onFrame: (_from, frame) => void frames.push(frame),
    onClosed: (id) => void closed.push(id),
    onConnected: () => connected.resolve(),
    onBulk: () => ({ frame: () => Promise.resolve(), closed: () => undefined }),
    ...more,
  });
  return { transport, frames, closed, reasons, connected: connected.promise };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not come true');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a member that is not ready yet keeps connections waiting, and loses nothing that was sent', async (t) => {
  const [port = 0] = await freePorts(1);
  const a = peer('a', 'x');
  const b = peer('b', 'x');
  t.after(() => Promise.all([a.transport.close(), b.transport.close()]));
  await b.transport.listen({ host: '127.0.0.1', port });
  a.transport.addPeer('b', { host: '127.0.0.1', port });
  // Time for the connection to arrive; whether it did does not change what must hold.
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(a.transport.connected('b'), false);
  b.transport.begin();
  await a.connected;
  assert.equal(a.transport.send('b', { forwardRefused: { id: 7, term: 1 } }), true);
  await until(() => b.frames.length === 1);
  assert.equal(b.frames[0]?.forwardRefused?.id, 7);
  await a.transport.close();
  await until(() => b.closed.length > 0);
  assert.deepEqual(b.closed, ['a']);
});

test('a member of another cluster is refused', async (t) => {
  const [port = 0] = await freePorts(1);
  const b = peer('b', 'x');
  const stranger = peer('a', 'other');
  t.after(() => Promise.all([stranger.transport.close(), b.transport.close()]));
  await b.transport.listen({ host: '127.0.0.1', port });
  b.transport.begin();
  stranger.transport.addPeer('b', { host: '127.0.0.1', port });
  await until(() => stranger.reasons.length > 0);
  assert.match(stranger.reasons[0] ?? '', /belongs to cluster other, this is cluster x/);
  assert.equal(b.frames.length, 0);
});

test('another member at the address of the one that is meant is no connection, and its own address is', async (t) => {
  const [wrong = 0, right = 0] = await freePorts(2);
  const [a, b, c] = [peer('a', 'x'), peer('b', 'x'), peer('c', 'x')];
  t.after(() => Promise.all([a, b, c].map(({ transport }) => transport.close())));
  await c.transport.listen({ host: '127.0.0.1', port: wrong });
  await b.transport.listen({ host: '127.0.0.1', port: right });
  for (const { transport } of [b, c]) transport.begin();
  a.transport.addPeer('b', { host: '127.0.0.1', port: wrong });
  await until(() => a.reasons.length > 0);
  assert.equal(a.reasons[0], 'c answered');
  assert.ok(!a.transport.connected('b') && !a.transport.send('b', { removed: {} }));
  a.transport.addPeer('b', { host: '127.0.0.1', port: right });
  await a.connected;
  assert.ok(a.transport.send('b', { forwardRefused: { id: 1, term: 1 } }));
  await until(() => b.frames.length === 1);
  assert.equal(c.frames.length, 0);
});

test('who was removed is cut off, and told so when it calls again', async (t) => {
  const [port = 0] = await freePorts(1);
  const removed = new Set<string>();
  const told: string[] = [];
  const a = peer('a', 'x', { onRemoved: (by) => void told.push(by) });
  const b = peer('b', 'x', { isRemoved: (member) => removed.has(member) });
  t.after(() => Promise.all([a.transport.close(), b.transport.close()]));
  await b.transport.listen({ host: '127.0.0.1', port });
  b.transport.begin();
  a.transport.addPeer('b', { host: '127.0.0.1', port });
  await a.connected;
  removed.add('a');
  b.transport.removePeer('a');
  await until(() => a.closed.length > 0 && told.length > 0);
  assert.deepEqual([a.closed[0], told[0]], ['b', 'b']);
  assert.ok(!a.transport.connected('b'));
});

/** What a member says to these bytes before it hangs up. */
async function answered(port: number, bytes: Buffer): Promise<PeerFrame[]> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const frames: PeerFrame[] = [];
  const reader = new FrameReader();
  socket.on('data', (chunk) => frames.push(...reader.push(chunk)));
  socket.on('error', () => undefined);
  socket.write(bytes);
  await new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
  socket.destroy();
  return frames;
}

test('nobody is listened to who says something else than hello, too much, or hello to somebody else', async (t) => {
  const [port = 0] = await freePorts(1);
  const called: string[] = [];
  const b = peer('b', 'x', { onCalled: (from) => void called.push(from) });
  t.after(() => b.transport.close());
  await b.transport.listen({ host: '127.0.0.1', port });
  b.transport.begin();
  const hello = { cluster: 'x', member: 'a', protocol: peerProtocol };
  const refusalOf = async (...frames: PeerFrame[]): Promise<string> =>
    (await answered(port, Buffer.concat(frames.map(encodeFrame))))[0]?.hello?.refusal ?? '';

  assert.match(await refusalOf({ raft: { messages: [] } }), /first frame must be a hello/);
  assert.match(await refusalOf({ hello: { ...hello, protocol: 9 } }), /protocol 9 is not spoken/);
  assert.match(await refusalOf({ hello: { ...hello, member: 'b' } }), /member b itself/);
  assert.deepEqual(await answered(port, Buffer.from('GET / HTTP/1.1\r\n\r\n')), []);
  // A frame may be that long, but not the first one; nobody waits for the rest of it.
  const long = Buffer.alloc(4);
  long.writeUInt32BE(1024 * 1024);
  assert.deepEqual(await answered(port, long), []);
  assert.deepEqual(called, []);
  assert.deepEqual(b.frames, []);
});

test('what comes behind a refusal counts for nothing, and who does not hang up then is cut off', async (t) => {
  const [port = 0] = await freePorts(1);
  const called: string[] = [];
  const b = peer('b', 'x', { onCalled: (from) => void called.push(from) });
  t.after(() => b.transport.close());
  await b.transport.listen({ host: '127.0.0.1', port });
  b.transport.begin();
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  t.after(() => void socket.destroy());
  socket.on('error', () => undefined);
  const hello = { cluster: 'x', member: 'a', protocol: peerProtocol };
  socket.write(encodeFrame({ hello: { ...hello, protocol: 9 } }));
  socket.resume();
  await once(socket, 'end');
  const again = setInterval(
    () => socket.write(Buffer.concat([encodeFrame({ hello }), encodeFrame({ removed: {} })])),
    50,
  );
  t.after(() => clearInterval(again));
  // By a reset, which is an error as well.
  await new Promise((resolve) => socket.once('close', resolve));
  assert.deepEqual(called, []);
  assert.deepEqual(b.frames, []);
});

test('something else at the address of a member is not listened to for long', async (t) => {
  const [port = 0] = await freePorts(1);
  const other = createServer((socket) => {
    socket.on('error', () => undefined);
    const long = Buffer.alloc(4);
    long.writeUInt32BE(1024 * 1024);
    socket.write(long);
  });
  const a = peer('a', 'x');
  t.after(async () => {
    await a.transport.close();
    other.close();
  });
  await once(other.listen(port, '127.0.0.1'), 'listening');
  a.transport.addPeer('b', { host: '127.0.0.1', port });
  await until(() => a.reasons.length > 0);
  assert.equal(a.reasons[0], 'peer frame of 1048580 bytes is too long');
});

test('a frame may be long once it is known who sends it, also behind the hello in one packet', async (t) => {
  const [port = 0] = await freePorts(1);
  const b = peer('b', 'x');
  t.after(() => b.transport.close());
  await b.transport.listen({ host: '127.0.0.1', port });
  b.transport.begin();
  const socket = connect({ host: '127.0.0.1', port });
  t.after(() => void socket.destroy());
  const data = Buffer.alloc(1024 * 1024, 1);
  socket.write(
    Buffer.concat([
      encodeFrame({ hello: { cluster: 'x', member: 'a', protocol: peerProtocol } }),
      encodeFrame({ forward: { id: 1, data, term: 1 } }),
    ]),
  );
  await until(() => b.frames.length === 1);
  assert.ok(b.frames[0]?.forward?.data.equals(data));
});

test('a member that connects again has given its last connection up, and is not told of as gone', async (t) => {
  const [port = 0] = await freePorts(1);
  const b = peer('b', 'x');
  t.after(() => b.transport.close());
  await b.transport.listen({ host: '127.0.0.1', port });
  b.transport.begin();
  const hello = encodeFrame({ hello: { cluster: 'x', member: 'a', protocol: peerProtocol } });
  const call = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.write(hello);
    await once(socket, 'data');
    // Or it would not see its end.
    socket.resume();
    return socket;
  };
  const first = await call();
  const ended = once(first, 'close');
  const second = await call();
  await ended;
  second.write(encodeFrame({ forward: { id: 1, data: Buffer.from('x'), term: 1 } }));
  await until(() => b.frames.length === 1);
  assert.deepEqual(b.closed, []);
  second.destroy();
  await until(() => b.closed.length === 1);
  assert.deepEqual(b.closed, ['a']);
});

test('a member whose host takes nothing any more is connected to again', async (t) => {
  const [port = 0] = await freePorts(1);
  const sockets: Socket[] = [];
  const deaf = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      // As after a power failure, the kernel of the other end is all that could still say something.
      socket.pause();
      socket.write(encodeFrame({ hello: { cluster: 'x', member: 'b', protocol: peerProtocol } }));
    });
  });
  const a = peer('a', 'x', { silenceMs: 200 });
  t.after(async () => {
    await a.transport.close();
    for (const socket of sockets) socket.destroy();
    deaf.close();
  });
  await once(deaf.listen(port, '127.0.0.1'), 'listening');
  a.transport.addPeer('b', { host: '127.0.0.1', port });
  await a.connected;
  const data = Buffer.alloc(16 * 1024 * 1024);
  assert.equal(a.transport.send('b', { forward: { id: 1, data, term: 1 } }), true);
  await until(() => sockets.length > 1);
  assert.deepEqual(a.closed, ['b']);
  assert.match(a.reasons[0] ?? '', /ETIMEDOUT/);
});
