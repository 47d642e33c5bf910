import assert from 'node:assert/strict';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { createClient } from './client.ts';
import { ConnectionError } from './errors.ts';
import { makeTestCa } from './scripted-server.ts';
import type { ResourceType } from './types.ts';

const pods: ResourceType = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
const key = { namespace: 'a', name: 'b' };
let ca: ReturnType<typeof makeTestCa>;
let server: Http2SecureServer;
let url: string;
const sessions = new Set<ServerHttp2Session>();

before(async () => {
  ca = makeTestCa();
  server = createSecureServer({ cert: ca.cert, key: ca.key, allowHTTP1: true }, (request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.url.includes('watch=true'))
      response.write('{"type":"ADDED","object":{"metadata":{"name":"x"}}}\n');
    else response.end(JSON.stringify({ kind: 'Pod', metadata: { name: request.httpVersion } }));
  });
  server.on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(async () => {
  for (const session of sessions) session.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  ca.remove();
});

test('requests and watches of a client share one HTTP/2 connection', async () => {
  const opened = sessions.size;
  const client = createClient({ servers: [url], ca: ca.cert });
  const watches = Array.from({ length: 5 }, () => client.watch(pods, {})[Symbol.asyncIterator]());
  const first = await Promise.all(watches.map((watch) => watch.next()));
  assert.ok(first.every(({ done }) => done !== true));
  assert.equal((await client.get(pods, key)).metadata?.name, '2.0');
  assert.equal(sessions.size - opened, 1);
  await client.close();
});

test('a connection that the server ended is replaced by the next request', async () => {
  const client = createClient({ servers: [url], ca: ca.cert });
  await client.get(pods, key);
  for (const session of sessions) session.destroy();
  sessions.clear();
  await client.get(pods, key);
  assert.equal(sessions.size, 1);
  await client.close();
});

test('a server that vanishes without a word is noticed while a watch is open', async () => {
  // A relay that stops passing bytes on, as a pulled cable does.
  const sockets: Socket[] = [];
  let silent = false;
  const relay = createServer((near) => {
    const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
    sockets.push(near, far);
    near.on('data', (data) => silent || far.write(data));
    far.on('data', (data) => silent || near.write(data));
    for (const socket of [near, far]) socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const client = createClient({
    servers: [`https://127.0.0.1:${(relay.address() as AddressInfo).port}`],
    ca: ca.cert,
  });
  try {
    const watch = client.watch(pods, {})[Symbol.asyncIterator]();
    assert.equal((await watch.next()).value?.type, 'ADDED');
    silent = true;
    await assert.rejects(watch.next(), (error: unknown) => error instanceof ConnectionError);
  } finally {
    await client.close();
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => relay.close(() => resolve()));
  }
});

test('a connection that is answered keeps a quiet watch open', async () => {
  const client = createClient({ servers: [url], ca: ca.cert });
  const watch = client.watch(pods, {})[Symbol.asyncIterator]();
  await watch.next();
  const next = watch.next();
  const quiet = new Promise<'quiet'>((resolve) => setTimeout(() => resolve('quiet'), 6_000));
  assert.equal(await Promise.race([next, quiet]), 'quiet');
  await client.close();
  assert.equal((await next).done, true);
});
