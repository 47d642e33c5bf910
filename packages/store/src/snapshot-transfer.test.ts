/** Whole states on their way from member to member: memory, interruptions, and watchers of who gets one. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient } from '@timonier/grpc';
import { kvService, watchService } from './client-services.ts';
import { encodeFrame, FrameReader, type PeerFrame } from './peer-wire.ts';
import { Narrows } from './testing/narrows.ts';
import { eventually, flushesAt, freePorts, TestCluster } from './testing/processes.ts';
import { Transport } from './transport.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const put = { lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };

test('a receiver that is slow slows the sender down: of 100 MB, only little is under way at any time', async (t) => {
  const [port = 0] = await freePorts(1);
  const frames = 400;
  let read = 0;
  let taken = 0;
  let most = 0;
  const make = (member: string): Transport =>
    new Transport({
      cluster: 'x',
      member,
      tls: undefined,
      urls: [],
      log: silent,
      onFrame: () => undefined,
      onClosed: () => undefined,
      onConnected: () => undefined,
      onBulk: () => ({
        frame: async (frame) => {
          if (frame.snapshotChunk === undefined) return;
          await new Promise((resolve) => setImmediate(resolve));
          assert.ok(
            frame.snapshotChunk.values.every((value) => value.length === 256 * 1024 && value[99] === 7),
          );
          taken += 1;
        },
        closed: () => undefined,
      }),
    });
  const [a, b] = [make('a'), make('b')];
  t.after(() => Promise.all([a.close(), b.close()]));
  await b.listen({ host: '127.0.0.1', port });
  b.begin();
  a.addPeer('b', { host: '127.0.0.1', port });
  async function* chunks(): AsyncGenerator<PeerFrame> {
    for (; read < frames; read++) {
      most = Math.max(most, read - taken);
      yield { snapshotChunk: { keys: [Buffer.from([read])], values: [Buffer.alloc(256 * 1024, 7)] } };
      await Promise.resolve();
    }
    yield { snapshotEnd: { records: frames } };
  }
  await a.sendBulk('b', chunks(), 10_000);
  assert.equal(taken, frames);
  // What both sockets' buffers hold, in the kernel and in this process.
  assert.ok(most < 80, `${most} frames of 256 KiB were under way`);
});

test('a receiver that confirms too early gets everything nevertheless, and the sender waits for each frame to leave', async (t) => {
  const value = Buffer.alloc(256 * 1024, 7);
  const frames = 200;
  let read = 0;
  let most = 0;
  const begun = Promise.withResolvers<void>();
  const received: PeerFrame[] = [];
  const confirm = (socket: Socket): void => {
    socket.pause();
    socket.write(encodeFrame({ snapshotEnd: { records: frames } }), () => {
      begun.resolve();
      // Many turns, in which nothing is read.
      const turn = (left: number): void => {
        if (left > 0) {
          setImmediate(turn, left - 1);
          return;
        }
        most = read;
        socket.resume();
      };
      turn(500);
    });
  };
  const server = createServer((socket) => {
    const reader = new FrameReader();
    socket.on('data', (chunk) => {
      for (const frame of reader.push(chunk)) {
        received.push(frame);
        // The sender keeps another connection, for its messages.
        if (frame.hello?.bulk === true) confirm(socket);
      }
    });
    socket.on('error', () => undefined);
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const a = new Transport({
    cluster: 'x',
    member: 'a',
    tls: undefined,
    urls: [],
    log: silent,
    onFrame: () => undefined,
    onClosed: () => undefined,
    onConnected: () => undefined,
    onBulk: () => {
      throw new Error('nobody sends anything here');
    },
  });
  t.after(() => a.close());
  a.addPeer('b', { host: '127.0.0.1', port });
  async function* chunks(): AsyncGenerator<PeerFrame> {
    await begun.promise;
    for (; read < frames; read++)
      yield { snapshotChunk: { keys: [Buffer.from([read])], values: [Buffer.from(value)] } };
  }
  await a.sendBulk('b', chunks(), 10_000);
  await eventually('all frames', () =>
    Promise.resolve(
      assert.equal(received.filter((frame) => frame.snapshotChunk !== undefined).length, frames),
    ),
  );
  for (const { snapshotChunk } of received)
    for (const got of snapshotChunk?.values ?? []) assert.ok(got.equals(value));
  // What the kernel holds for both sockets.
  assert.ok(most < 80, `${most} frames were taken before anything was read`);
});

test('watchers of a member that was stopped while the log went past it see every change once and in order', async (t) => {
  const c = await TestCluster.create(3, { extra: ['--snapshot-count=10'] });
  t.after(() => c.remove());
  const operations = await freePorts(3);
  for (const [i, name] of c.names.entries()) c.start(name, [`--ops-address=127.0.0.1:${operations[i]}`]);
  const leader = await c.leader();
  const stopped = c.names.find((name) => name !== leader) ?? '';
  const flushes = (): Promise<number> => flushesAt(operations[c.names.indexOf(leader)] ?? 0);
  const client = createClient(kvService, `unix:${c.socket(leader)}`);
  const watcher = createClient(watchService, `unix:${c.socket(stopped)}`);
  t.after(() => {
    client.close();
    watcher.close();
  });
  const seen: string[] = [];
  const stream = watcher.bidi('watch');
  const created = Promise.withResolvers<void>();
  const reading = (async (): Promise<void> => {
    for await (const { created: isCreated, events } of stream) {
      if (isCreated === true) created.resolve();
      for (const { kv } of events) seen.push(kv.value.toString());
    }
  })().catch(() => undefined);
  stream.write({
    createRequest: {
      key: Buffer.from('k'),
      rangeEnd: Buffer.from('l'),
      startRevision: 0,
      progressNotify: false,
      filters: [],
      prevKv: false,
      watchId: 0,
      fragment: false,
    },
  });
  await created.promise;
  let written = 0;
  const write = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++, written++)
      await client.unary('put', {
        key: Buffer.from(`k${written % 7}`),
        value: Buffer.from(`${written}`),
        ...put,
      });
  };
  await write(20);
  await eventually('the first changes', () => Promise.resolve(assert.equal(seen.length, 20)));
  const { pid } = c.process(stopped);
  assert.ok(pid !== undefined);
  process.kill(pid, 'SIGSTOP');
  try {
    // So many appends may be under way to it, and lie in sockets. What comes after them is asked for only later.
    await write(300);
    // The log is cut behind a flush of the state: what is written before the third one from now on is behind one.
    const before = await flushes();
    await eventually('flushes of the state', async () => {
      await write(20);
      assert.ok((await flushes()) >= before + 3);
    });
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await eventually('everything', () => Promise.resolve(assert.equal(seen.length, written)));
  assert.deepEqual(
    seen,
    Array.from({ length: written }, (_, i) => `${i}`),
  );
  assert.match(c.output.get(stopped) ?? '', /installed a snapshot/);
  stream.cancel();
  await reading;
});

test('a transfer that breaks off, at either end, leaves nothing, and another one brings the member up', async (t) => {
  const c = await TestCluster.create(3, { extra: ['--snapshot-count=10'] });
  t.after(() => c.remove());
  c.startAll();
  const leader = await c.leader();
  const lagging = c.names.find((name) => name !== leader) ?? '';
  await c.end(lagging, 'SIGKILL');
  const client = createClient(kvService, `unix:${c.socket(leader)}`);
  t.after(() => client.close());
  // Nothing that the disk's format could make smaller.
  const value = randomBytes(1024 * 1024);
  for (let i = 0; i < 24; i++)
    await client.unary('put', { key: Buffer.from(`k${i}`), value, ...put }, { timeoutMs: 60_000 });
  await eventually('the log is cut', () => {
    const [oldest = ''] = readdirSync(join(c.dataDir(leader), 'wal')).sort();
    assert.ok(Number.parseInt(oldest, 10) > 1);
    return Promise.resolve();
  });
  // Half of the state comes, however quick the members are.
  const [behind = 0] = await freePorts(1);
  const narrows = await Narrows.between(Number(new URL(c.peerUrl(lagging)).port), behind);
  t.after(() => narrows.close());
  narrows.mostBytes = 12 * 1024 * 1024;
  const start = (): void =>
    void c.start(lagging, [
      `--listen-peer-urls=http://127.0.0.1:${behind}`,
      `--initial-advertise-peer-urls=${c.peerUrl(lagging)}`,
    ]);
  const incoming = join(c.dataDir(lagging), 'state.incoming');
  const begun = async (): Promise<void> => {
    await narrows.isHeld();
    await eventually('a transfer', () => Promise.resolve(assert.ok(existsSync(incoming))));
  };
  start();
  await begun();
  await c.end(lagging, 'SIGKILL');
  assert.ok(existsSync(incoming), 'it was cut short');
  narrows.open = false;
  start();
  await eventually('the rest is gone', () => Promise.resolve(assert.ok(!existsSync(incoming))));
  narrows.open = true;
  await begun();
  await c.end(leader, 'SIGKILL');
  narrows.mostBytes = Infinity;
  c.start(leader);
  await eventually('the member has caught up', async () => {
    assert.equal(await c.ctl(['get', 'k23', '--keys-only', '--consistency=s'], { at: lagging }), 'k23\n\n');
  });
  const hashes = await eventually('all members answer', () => c.ctl(['endpoint', 'hashkv', '-w', 'json']));
  const each = (JSON.parse(hashes) as { HashKV: { hash: number } }[]).map(({ HashKV }) => HashKV.hash);
  assert.deepEqual([each.length, new Set(each).size], [3, 1], hashes);
  assert.ok(!existsSync(incoming));
});
