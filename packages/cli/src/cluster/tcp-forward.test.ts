import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { testPort } from '@timonier/linux/test-ports';
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
  // The kernel takes one more than it was told to.
  for (let queued = 0; queued < 2; queued += 1) {
    const socket = connect(target);
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
  }
  await until('the queue is full', () => queuedAt(target.port) === 2);
  return target;
}

/** Connections that nobody has taken yet, says the kernel's table. */
function queuedAt(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const listening = '0A';
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n')) {
    const [, local, , state, queues] = line.trim().split(/\s+/);
    if (local?.endsWith(`:${hex}`) === true && state === listening)
      return Number.parseInt(queues?.split(':')[1] ?? '', 16);
  }
  throw new Error(`nobody listens at ${port}`);
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !condition();) {
    assert.ok(Date.now() < deadline, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A port that nobody listens at. */
async function refusing(): Promise<Target> {
  return { host: '127.0.0.1', port: await testPort() };
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
  // On a busy machine there was time for another attempt, which is closed by now on this side.
  await until('one connection is left', () => good.sockets.size === 1);
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
