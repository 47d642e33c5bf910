import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { forwardTcp, type Target } from './tcp-forward.ts';

/** Sends back what it gets. */
async function echo(t: TestContext): Promise<{ readonly target: Target; readonly sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { target: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, sockets };
}

/** A port whose first packets the kernel drops: a process that takes nothing, with a full queue. */
async function silent(t: TestContext): Promise<Target> {
  const program = `const s = require('net').createServer();
    s.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('fs').writeSync(1, String(s.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const target = { host: '127.0.0.1', port: Number(said.toString()) };
  // Until one is not taken: the queue is full.
  for (let queued = true; queued;) {
    const socket = connect(target);
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
    queued = await Promise.race([
      once(socket, 'connect').then(() => true),
      new Promise<false>((resolve) => setTimeout(() => resolve(false), 500)),
    ]);
  }
  return target;
}

/** A port that nobody listens at. */
async function refusing(): Promise<Target> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return { host: '127.0.0.1', port };
}

async function ask(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('hello');
  const answer = await new Promise<string>((resolve) => {
    socket.once('data', (data) => resolve(String(data)));
    socket.once('close', () => resolve('closed'));
  });
  socket.destroy();
  return answer;
}

test('a connection goes to the first target that takes it, past those that refuse and those that say nothing', async (t) => {
  const good = await echo(t);
  const mute = await silent(t);
  const closed = await refusing();
  for (const before of [[], [closed], [mute], [closed, mute, closed], [mute, mute, closed]]) {
    const forward = await forwardTcp(0, () => [...before, good.target]);
    t.after(() => forward.close());
    assert.equal(await ask(forward.port), 'hello');
  }
});

test('of attempts beside each other one is used, and the rest is closed', async (t) => {
  const good = await echo(t);
  const forward = await forwardTcp(0, () => [good.target, good.target, good.target]);
  t.after(() => forward.close());
  const socket = connect(forward.port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write('hello');
  await once(socket, 'data');
  assert.equal(good.sockets.size, 1);
  const [upstream] = good.sockets;
  socket.destroy();
  if (upstream !== undefined && !upstream.destroyed) await once(upstream, 'close');
});

test('a connection that nobody takes is closed', async (t) => {
  const closed = await refusing();
  for (const targets of [[], [closed], [closed, closed]]) {
    const forward = await forwardTcp(0, () => targets);
    t.after(() => forward.close());
    assert.equal(await ask(forward.port), 'closed');
  }
});
