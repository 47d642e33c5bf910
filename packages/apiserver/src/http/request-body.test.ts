import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { listen } from '@timonier/component';
import { createClusterPki } from '@timonier/pki';
import { statusOf } from '../pipeline/respond.ts';
import { until } from '../testing/harness.ts';
import { Exchange } from './exchange.ts';
import type { Router } from './router.ts';
import { TlsServer } from './tls-server.ts';

const closers: (() => unknown)[] = [];
/** Of the server, in the order in which they came. */
const connections: Socket[] = [];
/** What became of each body, in the order in which that was known. */
const outcomes: string[] = [];
let port = 0;
let ca: Buffer;

/** Reads every body but those of `/unread`, and says how long it was, or why not. */
const router: Pick<Router, 'serve' | 'switches'> = {
  switches: () => false,
  serve: async (request, response) => {
    const exchange = new Exchange(request, response);
    try {
      if (exchange.url.pathname === '/unread') return await exchange.send(403, 'text/plain', 'no');
      if (exchange.url.pathname === '/long') return await exchange.send(200, 'text/plain', large);
      const { length } = await exchange.body();
      outcomes.push(`${length} bytes`);
      await exchange.send(200, 'text/plain', `${length} bytes`);
    } catch (error) {
      const { code = 0, message = '' } = statusOf(error);
      outcomes.push(message);
      await exchange.send(code, 'text/plain', message);
    }
  },
};

before(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-body-'));
  closers.push(() => rm(directory, { recursive: true, force: true }));
  const host = { name: 'master-1', address: '127.0.0.1' };
  const pki = await createClusterPki(directory, { masters: [host], workers: [], serviceIp: '10.96.0.1' });
  const { certificateFile, keyFile } = pki.files('apiserver');
  ca = await readFile(pki.caFile);
  // Nothing else of a router is called.
  const server = { cert: await readFile(certificateFile), key: await readFile(keyFile), clientCa: ca };
  const tls = new TlsServer(server, router as Router);
  const tcp = createServer((socket) => {
    socket.on('error', () => undefined);
    connections.push(socket);
    tls.accept(socket);
  });
  await listen(tcp, 0, '127.0.0.1');
  closers.push(() => {
    tls.close();
    tcp.close();
  });
  const address = tcp.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
after(async () => {
  for (const close of closers.reverse()) await close();
});

/** All that comes back on a connection whose client writes everything before it reads anything. */
async function overHttp1(parts: readonly (Buffer | string)[]): Promise<string> {
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca,
    ALPNProtocols: ['http/1.1'],
  });
  await once(socket, 'secureConnect');
  for (const part of parts)
    await new Promise<void>((resolve, reject) => {
      socket.write(part, (error) => (error instanceof Error ? reject(error) : resolve()));
    });
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function openSession(): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: 'localhost', ca });
  session.on('error', () => undefined);
  closers.push(() => session.destroy());
  return session;
}

const large = Buffer.alloc(8 << 20, ' ');
/** The most that one of TLS holds. */
const recordBytes = 16 * 1024;

test('over HTTP/1.1 the answer to a body beyond the limit reaches a client that first sends it all', async () => {
  const chunk = `${large.length.toString(16)}\r\n`;
  for (const [path, head, body] of [
    ['/', `Content-Length: ${large.length}`, [large]],
    ['/', 'Transfer-Encoding: chunked', [chunk, large, '\r\n0\r\n\r\n']],
    ['/unread', `Content-Length: ${large.length}`, [large]],
    ['/unread', 'Transfer-Encoding: chunked', [chunk, large, '\r\n0\r\n\r\n']],
  ] as const) {
    const answer = await overHttp1([`POST ${path} HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`, ...body]);
    const code = path === '/' ? 413 : 403;
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${code} `), `${path} ${head}`);
    assert.match(answer, /connection: close/i);
    assert.match(answer, path === '/' ? /limit is 3145728$/ : /no$/);
  }
});

test('over HTTP/1.1 a body waits while the answer before it is still on its way', async () => {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca,
    ALPNProtocols: ['http/1.1'],
  });
  await once(socket, 'secureConnect');
  socket.write('GET /long HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'readable');
  const body = Buffer.alloc(2 << 20, ' ');
  const head = `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
  const [connection] = connections.slice(-1);
  assert.ok(connection);
  const before = connection.bytesRead;
  // Many records that the server reads at once.
  socket.write(Buffer.concat([Buffer.from(head), body]));
  await until(() => connection.bytesRead >= before + recordBytes, 'the beginning of the body has come');
  let text = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString('latin1');
  assert.equal(text.split('HTTP/1.1 200').length, 3, 'there are two answers');
  assert.match(text, new RegExp(`${body.length} bytes$`));
});

test('over HTTP/1.1 a connection is used again after a body that nobody read', async () => {
  const answer = await overHttp1([
    'POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345',
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\n123',
  ]);
  assert.match(answer, /^HTTP\/1\.1 403 [^]*\r\n\r\nnoHTTP\/1\.1 200 [^]*\r\n\r\n3 bytes$/);
});

test('what is no HTTP is answered 400', async () => {
  for (const text of [
    'GET /a\0b HTTP/1.1\r\n\r\n',
    'GET /a HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n',
    'GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
  ])
    assert.match(await overHttp1([text]), /^HTTP\/1\.1 400 Bad Request\r\n/);
});

test('over HTTP/2 a body beyond the limit is answered and its stream is over, although the client goes on', async () => {
  const session = openSession();
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  stream.on('error', () => undefined);
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const answered = once(stream, 'response');
  const closed = once(stream, 'close');
  // Never ended.
  stream.write(large);
  const [headers] = (await answered) as [Record<string, unknown>];
  assert.equal(headers[':status'], 413);
  await closed;
  assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
  assert.match(Buffer.concat(chunks).toString(), /limit is/);
  assert.equal(session.destroyed, false);
});

interface RawHttp2 {
  readonly socket: TLSSocket;
  readonly send: (type: number, flags: number, stream: number, payload?: Buffer) => void;
}

const headersFrame = 1;
const resetFrame = 3;
/** POST https://a/, with indices of HPACK's static table. */
const request = Buffer.from([0x83, 0x87, 0x84, 0x41, 1, 0x61]);
const cancel = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]);

/** HTTP/2 frame by frame: a client of Node decides itself what it sends, and in which order. */
async function rawHttp2(): Promise<RawHttp2> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca, ALPNProtocols: ['h2'] });
  closers.push(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  const send: RawHttp2['send'] = (type, flags, stream, payload = Buffer.alloc(0)) => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    socket.write(Buffer.concat([head, payload]));
  };
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  send(4, 0, 0);
  return { socket, send };
}

test('a body that its client breaks off is no shorter body', async () => {
  outcomes.length = 0;
  const { send } = await rawHttp2();
  send(headersFrame, 4, 1, request);
  send(0, 0, 1, Buffer.from('kind: ConfigMap\n'));
  send(resetFrame, 0, 1, cancel);
  const cut = connect({ host: '127.0.0.1', port, servername: 'localhost', ca });
  await once(cut, 'secureConnect');
  cut.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"a":');
  cut.destroy();
  await until(() => outcomes.length === 2, 'it is known what became of both');
  const brokenOff = 'the body of the request broke off';
  assert.deepEqual(outcomes, [brokenOff, brokenOff]);
});

test('a client may stop thousands of watches at once, and be served on', async () => {
  const { socket, send } = await rawHttp2();
  let stream = 1;
  for (; stream < 5_000; stream += 2) {
    send(headersFrame, 4, stream, request);
    send(resetFrame, 0, stream, cancel);
  }
  send(headersFrame, 5, stream, request);
  const answered = await new Promise<boolean>((resolve) => {
    let rest = Buffer.alloc(0);
    socket.once('close', () => resolve(false));
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const end = 9 + (rest.length < 9 ? 0 : rest.readUIntBE(0, 3));
        if (rest.length < end) return;
        if (rest[3] === headersFrame && rest.readUInt32BE(5) === stream) resolve(true);
        rest = rest.subarray(end);
      }
    });
  });
  assert.ok(answered, 'the connection ended');
});
