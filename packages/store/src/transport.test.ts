import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerFrame } from './peer-wire.ts';
import { freePorts } from './testing/processes.ts';
import { Transport } from './transport.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

interface Peer {
  readonly transport: Transport;
  readonly frames: PeerFrame[];
  readonly closed: string[];
  readonly connected: Promise<void>;
}

function peer(member: string, cluster: string): Peer {
  const frames: PeerFrame[] = [];
  const closed: string[] = [];
  const connected = Promise.withResolvers<void>();
  const transport = new Transport({
    cluster,
    member,
    tls: undefined,
    log: silent,
    onFrame: (_from, frame) => void frames.push(frame),
    onClosed: (id) => void closed.push(id),
    onConnected: () => connected.resolve(),
    onBulk: () => ({ frame: () => Promise.resolve(), closed: () => undefined }),
  });
  return { transport, frames, closed, connected: connected.promise };
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
  await b.transport.listen({ host: '127.0.0.1', port });
  b.transport.begin();
  const refusal = Promise.withResolvers<string>();
  const stranger = new Transport({
    cluster: 'other',
    member: 'a',
    tls: undefined,
    log: { ...silent, warn: (fields) => refusal.resolve(String((fields as { reason?: string }).reason)) },
    onFrame: () => undefined,
    onClosed: () => undefined,
    onConnected: () => refusal.resolve('connected'),
    onBulk: () => ({ frame: () => Promise.resolve(), closed: () => undefined }),
  });
  t.after(() => Promise.all([stranger.close(), b.transport.close()]));
  stranger.addPeer('b', { host: '127.0.0.1', port });
  assert.match(await refusal.promise, /belongs to cluster other, this is cluster x/);
  assert.equal(b.frames.length, 0);
});
