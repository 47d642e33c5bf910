/** HTTP/1 and gRPC on one port, on real sockets. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { createClient } from '../client.ts';
import { loadService } from '../proto.ts';
import { GrpcServer } from '../server.ts';

type Shape = { status: { request: object; response: object } };
const maintenance = loadService<Shape>('etcd/rpc.proto', 'etcdserverpb.Maintenance');

async function withServer(use: (port: number) => Promise<void>): Promise<void> {
  const pages = createServer((request, response) => void response.end(`${request.method} ${request.url}`));
  const server = new GrpcServer({
    implementation: 'lean',
    http1: (socket) => {
      pages.emit('connection', socket);
      socket.resume();
    },
  });
  server.addService(maintenance, { status: () => ({ version: '1' }) });
  const port = await server.listen('127.0.0.1:0');
  try {
    await use(port);
  } finally {
    pages.closeAllConnections();
    await server.shutdown(100);
  }
}

async function page(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
  return await response.text();
}

test('one port answers gRPC and HTTP/1', async () => {
  await withServer(async (port) => {
    const client = createClient(maintenance, `127.0.0.1:${port}`);
    try {
      assert.equal(await page(port, '/a'), 'GET /a');
      assert.deepEqual(await client.unary('status', {}), {
        ...(await client.unary('status', {})),
        version: '1',
      });
      assert.equal(await page(port, '/b'), 'GET /b');
    } finally {
      client.close();
    }
  });
});

test('requests that come byte by byte, begin like HTTP/2 or follow on one connection are told apart', async () => {
  await withServer(async (port) => {
    const socket = connect(port, '127.0.0.1').setEncoding('utf8').setNoDelay(true);
    await once(socket, 'connect');
    for (const char of 'PROPFIND /slow HTTP/1.1\r\nhost: x\r\n\r\nGET /next HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n') {
      socket.write(char);
      await new Promise((resolve) => setImmediate(resolve));
    }
    let text = '';
    for await (const piece of socket) text += String(piece);
    assert.match(text, /PROPFIND \/slow[\s\S]*GET \/next/);
  });
});

test('a connection that says nothing is ended with the server', async () => {
  let closed: Promise<unknown> | undefined;
  await withServer(async (port) => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    // Until the server has taken it, the kernel alone would end it.
    assert.equal(await page(port, '/after'), 'GET /after');
    closed = once(socket, 'close');
  });
  await closed;
});
