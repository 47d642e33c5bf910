import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { endWith } from './last-words.ts';
import { refuseUpgrade } from './server.ts';

/** Both ends of a connection that neither ends for the other. */
async function pair(t: TestContext): Promise<{ server: Socket; client: Socket }> {
  const listener = createServer({ allowHalfOpen: true });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => listener.close());
  const { port } = listener.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => undefined);
  const [server] = (await once(listener, 'connection')) as [Socket];
  t.after(() => {
    client.destroy();
    server.destroy();
  });
  return { server, client };
}

async function textOf(client: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  client.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(client, 'end');
  return Buffer.concat(chunks).toString();
}

test('a client that keeps its side open is told the last there is, and closed', async (t) => {
  const { server, client } = await pair(t);
  // More than anything in between holds: it is read, or the connection would be reset with the answer.
  client.write(Buffer.alloc(16 << 20));
  const told = textOf(client);
  const closed = once(server, 'close', { signal: AbortSignal.timeout(60_000) });
  // The time is the test's: where this process was stopped, it would be over before anything is read.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  endWith(server, 'farewell', 500);
  assert.equal(await told, 'farewell');
  t.mock.timers.tick(500);
  await closed;
});

test('a client that reads nothing is closed', async (t) => {
  const { server, client } = await pair(t);
  client.pause();
  const closed = once(server, 'close', { signal: AbortSignal.timeout(60_000) });
  endWith(server, Buffer.alloc(64 << 20), 100);
  await closed;
  assert.ok(server.destroyed);
});

test('whoever is refused an upgrade is closed as well', async (t) => {
  const { server, client } = await pair(t);
  const told = textOf(client);
  const closed = once(server, 'close', { signal: AbortSignal.timeout(60_000) });
  refuseUpgrade(server, 400, 'no');
  assert.match(await told, /^HTTP\/1\.1 400 Refused\r\n[^]*\r\n\r\nno\n$/);
  await closed;
});
