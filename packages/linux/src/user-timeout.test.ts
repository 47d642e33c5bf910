import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { setUserTimeout } from './user-timeout.ts';

test('a connection whose other end takes nothing ends after the time that was set', async (t) => {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect(port, '127.0.0.1');
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
    [Socket],
    unknown,
  ];
  t.after(() => {
    client.destroy();
    accepted.destroy();
    server.close();
  });
  assert.equal(setUserTimeout(client, 200), true);
  client.write(Buffer.alloc(32 * 1024 * 1024));
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ETIMEDOUT');
});

test('a connection that is gone has no time to set', () => {
  const socket = connect(1, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.destroy();
  assert.equal(setUserTimeout(socket, 200), false);
});
