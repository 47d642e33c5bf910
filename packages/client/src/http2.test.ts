import assert from 'node:assert/strict';
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  sensitiveHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
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

/** A server of HTTP/2 for one test. */
async function withServer(
  handler: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, session: ServerHttp2Session) => void,
  run: (url: string, sessions: ServerHttp2Session[]) => Promise<void>,
): Promise<void> {
  const own = createSecureServer({ cert: ca.cert, key: ca.key });
  const opened: ServerHttp2Session[] = [];
  own.on('session', (session) => {
    opened.push(session);
    session.on('error', () => undefined);
  });
  own.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    if (stream.session !== undefined) handler(stream, headers, stream.session as ServerHttp2Session);
  });
  await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve));
  try {
    await run(`https://127.0.0.1:${(own.address() as AddressInfo).port}`, opened);
  } finally {
    for (const session of opened) session.destroy();
    await new Promise<void>((resolve) => own.close(() => resolve()));
  }
}

const json = { ':status': 200, 'content-type': 'application/json' };
const pod = JSON.stringify({ kind: 'Pod', metadata: { name: 'b' } });

test('a watcher that does not keep up holds its server back, and no other request', async () => {
  const event = `${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'x'.repeat(4_000) } } })}\n`;
  let sent = 0;
  await withServer(
    (stream, headers) => {
      stream.respond(json);
      if (!String(headers[':path']).includes('watch=true')) {
        stream.end(pod);
        return;
      }
      const more = (): void => {
        sent += event.length;
        stream.write(event, (error) => error ?? more());
      };
      more();
    },
    async (address) => {
      const client = createClient({ servers: [address], ca: ca.cert });
      const watch = client.watch(pods, {})[Symbol.asyncIterator]();
      await watch.next();
      // Until nothing more is taken, while others are answered.
      for (let before = -1; before !== sent;) {
        before = sent;
        for (let i = 0; i < 20; i++) await client.get(pods, key);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const held = sent;
      assert.ok(held < 4 * 1024 * 1024, `${held} bytes were taken`);
      for (let i = 0; i < 1_000; i++) assert.equal((await watch.next()).done, false);
      assert.ok(sent > held);
      await client.close();
    },
  );
});

test('a server that asks to go elsewhere ends its watches itself, and new requests take a new connection', async () => {
  await withServer(
    (stream, headers) => {
      stream.respond(json);
      if (String(headers[':path']).includes('watch=true'))
        stream.write('{"type":"ADDED","object":{"metadata":{"name":"x"}}}\n');
      else stream.end(pod);
    },
    async (address, opened) => {
      const client = createClient({ servers: [address], ca: ca.cert });
      const watch = client.watch(pods, {})[Symbol.asyncIterator]();
      await watch.next();
      const next = watch.next();
      const [old] = opened;
      await new Promise<void>((resolve) => old?.ping(() => resolve()));
      old?.goaway();
      await new Promise<void>((resolve) => old?.ping(() => resolve()));
      await client.get(pods, key);
      assert.equal(opened.length, 2);
      assert.equal(await Promise.race([next, client.get(pods, key).then(() => 'open')]), 'open');
      old?.destroy();
      await assert.rejects(next, (error: unknown) => error instanceof ConnectionError);
      await client.close();
    },
  );
});

test('a write that a leaving server did not look at is sent again, one that it did look at is not', async () => {
  let writes = 0;
  await withServer(
    (stream, _headers, session) => {
      writes += 1;
      // The first connection refuses what comes; the second breaks.
      if (writes === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else if (writes === 2) {
        stream.respond({ ...json, ':status': 201 });
        stream.end(pod);
      } else session.destroy();
    },
    async (address) => {
      const client = createClient({ servers: [address], ca: ca.cert });
      await client.create(pods, { metadata: key });
      assert.equal(writes, 2);
      await assert.rejects(
        client.create(pods, { metadata: key }),
        (error: unknown) => error instanceof ConnectionError && error.sent,
      );
      assert.equal(writes, 3);
      await client.close();
    },
  );
});

test('headers, tokens and bodies arrive as they were given, and a token is put into no table', async () => {
  const seen: unknown[] = [];
  const token = 't'.repeat(20_000);
  await withServer(
    (stream, headers) => {
      let body = '';
      stream.setEncoding('utf8');
      stream.on('data', (piece: string) => (body += piece));
      stream.on('end', () => {
        seen.push(headers.authorization === `Bearer ${token}`, headers[':authority'], headers.accept, body);
        seen.push(headers[sensitiveHeaders as unknown as string]);
        stream.respond(json);
        stream.end(pod);
      });
    },
    async (address) => {
      const client = createClient({ servers: [address], ca: ca.cert, token });
      await client.request('POST', '/%C3%BC?x=1', { name: 'é' });
      assert.deepEqual(seen, [
        true,
        new URL(address).host,
        'application/json',
        '{"name":"é"}',
        ['authorization'],
      ]);
      await assert.rejects(client.request('GET', '/x', undefined, { 'x-bad': 'a\nb' }), TypeError);
      await client.close();
    },
  );
});
