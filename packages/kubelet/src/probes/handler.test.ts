import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { testPort } from '@timonier/linux/test-ports';
import type { Runtime } from '../runtime/runtime.ts';
import { type Handler, runHandler } from './handler.ts';

const runtime = {} as Runtime;
const target = { containerId: 'c', container: { name: 'web' }, podIp: '127.0.0.1' };
const run = (handler: Handler): Promise<void> => runHandler(handler, target, runtime, 10_000);

test('a port where nobody listens is reported in the words that people look for', async () => {
  const port = await testPort();
  const refused = `dial tcp 127.0.0.1:${port}: connect: connection refused`;
  await assert.rejects(run({ tcpSocket: { port } }), { message: refused });
  await assert.rejects(run({ httpGet: { port, path: 'live' } }), {
    message: `Get "http://127.0.0.1:${port}/live": ${refused}`,
  });
});

test('a server that does not answer in time is reported as a deadline that passed', async (t) => {
  const server = createServer((socket) => void socket.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  await assert.rejects(runHandler({ httpGet: { port } }, target, runtime, 50), {
    message: `Get "http://127.0.0.1:${port}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
  });
});

test('a probe of a kind that this node has not says so', async () => {
  await assert.rejects(run({ grpc: { port: 1 } }), { message: 'gRPC probes are not supported by this node' });
});
