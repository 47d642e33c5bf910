/** The gateway's bounds and manners, with handlers that answer at once, on real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { type BidiCall, GrpcError, loadService, loadServiceJson, Status } from '@timonier/grpc';
import { Gateway, type GatewayOptions } from './gateway.ts';

const rpc = 'etcd/rpc.proto';

function methodOf(service: string, name: string, handler: unknown): [string, never] {
  const definition = loadService(rpc, `etcdserverpb.${service}`).methods[name];
  const json = loadServiceJson(rpc, `etcdserverpb.${service}`).get(name);
  assert.ok(definition !== undefined && json !== undefined);
  return [`/v3/${name}`, { definition, json, handler } as never];
}

async function serve(t: TestContext, options: Partial<GatewayOptions> = {}): Promise<number> {
  const gateway = new Gateway({
    methods: new Map([
      methodOf('KV', 'put', () => ({ header: { revision: 7 } })),
      methodOf('KV', 'range', () => Promise.reject(new GrpcError(Status.OUT_OF_RANGE, 'too far'))),
      methodOf('Lease', 'leaseKeepAlive', async (call: BidiCall<{ ID: number }, object>) => {
        for await (const { ID } of call.requests) {
          if (ID === 13) throw new GrpcError(Status.NOT_FOUND, 'no luck');
          call.write({ ID, TTL: 1 });
        }
      }),
    ]),
    prefixes: ['/v3'],
    pages: new Map([['/page', () => Promise.resolve({ status: 200, type: 'text/plain', body: 'page' })]]),
    maxLength: 1_000,
    cors: [],
    hostWhitelist: [],
    namesCount: () => false,
    ...options,
  });
  const listener = createServer((socket) => gateway.accept(socket)).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => {
    gateway.close();
    listener.close();
  });
  return (listener.address() as AddressInfo).port;
}

interface Answer {
  readonly status: number | undefined;
  readonly origin: string | undefined;
  readonly text: string;
}

async function ask(
  port: number,
  path: string,
  body?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const asked = request({
    port,
    host: '127.0.0.1',
    path,
    method: body === undefined ? 'GET' : 'POST',
    headers,
    agent: false,
  });
  asked.end(body);
  const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += String(piece);
  return { status: response.statusCode, origin: response.headers['access-control-allow-origin'], text };
}

test('a message longer than the bound is refused before all of it has come', async (t) => {
  const port = await serve(t);
  const long = JSON.stringify({ key: 'a'.repeat(2_000) });
  const { status, text } = await ask(port, '/v3/put', long);
  assert.equal(status, 429);
  assert.match(text, /"message":"request is larger than 1000 bytes","code":8/);
  assert.equal((await ask(port, '/v3/put', '{"key":"YQ=="}')).text, '{"header":{"revision":"7"}}');
});

/** Sends the pieces one after the other and returns all that comes back until the connection ends. */
async function talk(port: number, pieces: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true).setEncoding('utf8');
  socket.on('error', () => undefined);
  let text = '';
  socket.on('data', (piece: string) => (text += piece));
  const closed = once(socket, 'close');
  for (const piece of pieces) {
    // In a packet of its own.
    await new Promise<void>((resolve) => socket.write(piece, () => setImmediate(resolve)));
  }
  await closed;
  return text;
}

test('what follows a message does not cost its sender the answer', async (t) => {
  const port = await serve(t);
  const text = await talk(port, [
    'POST /v3/put HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 14\r\n\r\n',
    '{"key":"YQ=="}'.slice(0, 5),
    '{"key":"YQ=="}'.slice(5, 13),
    '}',
  ]);
  assert.match(text, /^HTTP\/1.1 200 OK[\s\S]*\{"header":\{"revision":"7"\}\}$/);
  const late = await talk(port, [
    'POST /v3/put HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 16\r\n\r\n{"key":"YQ=="}',
    '\r\n',
  ]);
  assert.match(late, /^HTTP\/1.1 200 OK[\s\S]*\{"header":\{"revision":"7"\}\}$/);
});

test('who sends more than the bound gets the refusal while still sending, and is ended', async (t) => {
  const port = await serve(t);
  const text = await talk(port, [
    `POST /v3/put HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n{"key":"${'a'.repeat(2_000)}`,
  ]);
  assert.match(text, /^HTTP\/1.1 429 [\s\S]*connection: close[\s\S]*larger than 1000 bytes/i);
});

test('an error before and one within a stream say so each in its way', async (t) => {
  const port = await serve(t);
  assert.deepEqual(await ask(port, '/v3/range', '{}'), {
    status: 400,
    origin: '*',
    text: '{"error":"too far","message":"too far","code":11}',
  });
  const { status, text } = await ask(port, '/v3/leaseKeepAlive', '{"ID":1}{"ID":2}{"ID":13}{"ID":3}');
  assert.equal(status, 200);
  assert.equal(
    text,
    '{"result":{"ID":"1","TTL":"1"}}\n{"result":{"ID":"2","TTL":"1"}}\n' +
      '{"error":{"grpc_code":5,"http_code":404,"message":"no luck","http_status":"Not Found"}}\n',
  );
});

test('only hosts and origins that are named may ask, when some are', async (t) => {
  const port = await serve(t, { hostWhitelist: ['store.local'], cors: ['http://good'] });
  assert.equal((await ask(port, '/page')).status, 421);
  const good = await ask(port, '/page', undefined, { host: `store.local:${port}`, origin: 'http://good' });
  assert.deepEqual(good, { status: 200, origin: 'http://good', text: 'page' });
  const bad = await ask(port, '/page', undefined, { host: 'store.local', origin: 'http://bad' });
  assert.deepEqual(bad, { status: 200, origin: undefined, text: 'page' });
});

test('what is no HTTP ends its own connection only', async (t) => {
  const port = await serve(t);
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('\x16\x03\x01 this is no request\r\n\r\n');
  await once(socket, 'close');
  assert.equal((await ask(port, '/page')).text, 'page');
});
