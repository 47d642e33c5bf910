import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type ClientRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { test, type TestContext } from 'node:test';
import { serveBare } from '../testing/bare-server.ts';
import { watchConnection } from './upstream.ts';

/** Whether the kernel has a timer of keep-alive on the connection from a port to another one, as `/proc` tells it. */
async function isKeptAlive(from: number, to: number): Promise<boolean> {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
  const table = await readFile('/proc/self/net/tcp', 'utf8');
  const line = table.split('\n').find((one) => new RegExp(`:${hex(from)} [0-9A-F]+:${hex(to)} `).test(one));
  assert.ok(line !== undefined, 'the connection is there');
  return line.trim().split(/\s+/)[5]?.startsWith('02:') === true;
}

async function silentPort(t: TestContext): Promise<number> {
  const sockets: { destroy(): unknown }[] = [];
  const server = createServer((socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('the kernel looks after a connection however long nothing comes over it', async (t) => {
  const bare = await serveBare(t, () => new Promise(() => undefined));
  const { port, ca } = bare;
  const silent = await silentPort(t);
  const begin: readonly (readonly [() => ClientRequest, number, string])[] = [
    [() => httpRequest({ host: '127.0.0.1', port: silent, agent: false }), silent, 'connect'],
    [
      () => httpsRequest({ host: '127.0.0.1', port, servername: 'localhost', ca, agent: false }),
      port,
      'secureConnect',
    ],
  ];
  for (const [open, to, connected] of begin) {
    const call = open();
    t.after(() => call.destroy());
    call.on('error', () => undefined);
    watchConnection(call);
    call.end();
    const [socket] = (await once(call, 'socket')) as [NonNullable<ClientRequest['socket']>];
    await once(socket, connected);
    // What was sent is acknowledged first, and has a timer of its own until then.
    while (!(await isKeptAlive(socket.localPort ?? 0, to)))
      await new Promise((resolve) => setImmediate(resolve));
  }
});

test('a connection that is not made in time is given up, and one that is made may be silent', async (t) => {
  const port = await silentPort(t);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  // Nobody shakes hands there.
  const secure = httpsRequest({ host: '127.0.0.1', port, agent: false });
  const plain = httpRequest({ host: '127.0.0.1', port, agent: false });
  t.after(() => plain.destroy());
  plain.on('error', () => undefined);
  for (const call of [secure, plain]) {
    watchConnection(call);
    call.end();
  }
  const [[socket]] = await Promise.all([once(plain, 'socket'), once(secure, 'socket')]);
  await once(socket as NonNullable<ClientRequest['socket']>, 'connect');
  const failed = once(secure, 'error');
  t.mock.timers.tick(10_000);
  assert.match(String((await failed)[0]), /no connection in time/);
  assert.ok(!plain.destroyed);
});
