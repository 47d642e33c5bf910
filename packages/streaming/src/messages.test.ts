import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { dial } from './client.ts';
import { acceptMessages, handshakeProblem, type MessageWriter } from './messages.ts';

const protocol = 'events.v1';
const handshake = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

interface Accepted {
  readonly writer: MessageWriter;
  readonly socket: Duplex;
}

/** A server that accepts one connection. */
async function serve(
  t: TestContext,
): Promise<{ readonly port: number; readonly accepted: Promise<Accepted> }> {
  const accepted = Promise.withResolvers<Accepted>();
  const server = createServer();
  server.on('upgrade', (request: IncomingMessage, socket, head: Buffer) => {
    socket.on('error', () => undefined);
    const writer = acceptMessages(request, socket, head, { protocol, headers: { 'audit-id': 'x' } });
    if (writer === undefined) accepted.reject(new Error('the client has gone'));
    else accepted.resolve({ writer, socket });
    t.after(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, accepted: accepted.promise };
}

/** A client that reads only what it is told to. */
async function openRaw(t: TestContext, port: number): Promise<Socket> {
  const client = connect(port, '127.0.0.1');
  t.after(() => client.destroy());
  client.write(
    'GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n' +
      `sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: ${protocol}\r\n\r\n`,
  );
  let head = '';
  while (!head.includes('\r\n\r\n')) {
    await once(client, 'readable');
    head += String(client.read() ?? '');
  }
  assert.match(head, /^HTTP\/1\.1 101 /);
  assert.match(head, /\r\nSec-WebSocket-Protocol: events\.v1\r\n/);
  assert.match(head, /\r\naudit-id: x\r\n/);
  return client;
}

/** A masked ping whose mask changes nothing. */
function ping(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x89, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}

/** The frames in what a server sent, none longer than 64 KiB. */
function framesIn(bytes: Buffer): { opcode: number; payload: Buffer }[] {
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    const short = bytes[at + 1] ?? 0;
    const isShort = short < 126;
    const length = isShort ? short : bytes.readUInt16BE(at + 2);
    const from = at + (isShort ? 2 : 4);
    frames.push({ opcode: (bytes[at] ?? 0) & 0x0f, payload: bytes.subarray(from, from + length) });
    at = from + length;
  }
  return frames;
}

test('each message is one of the WebSocket, text or bytes as it is sent, and its end says that all went well', async (t) => {
  const { port, accepted } = await serve(t);
  const dialled = dial(`ws://127.0.0.1:${port}`, { protocols: [protocol] });
  const { writer } = await accepted;
  const client = await dialled;
  const seen: string[] = [];
  client.on('message', (data: Buffer, isBinary) => seen.push(`${isBinary} ${data.toString()}`));
  client.resume();
  writer.send(Buffer.from('one'), true);
  writer.send(Buffer.from('two'), false);
  writer.close();
  const [code] = (await once(client, 'close')) as [number];
  assert.deepEqual(seen, ['false one', 'true two']);
  assert.equal(code, 1000);
  assert.equal(writer.send(Buffer.from('late'), true), true);
});

test('what a client says is forgotten, its pings are answered, and a message that is too long ends it', async (t) => {
  const { port, accepted } = await serve(t);
  const dialled = dial(`ws://127.0.0.1:${port}`, { protocols: [protocol] });
  const { writer } = await accepted;
  const client = await dialled;
  client.resume();
  client.send('hello');
  client.send(Buffer.alloc(64 * 1024));
  client.ping('there?');
  const [payload] = (await once(client, 'pong')) as [Buffer];
  assert.equal(payload.toString(), 'there?');
  writer.send(Buffer.from('still here'), true);
  const [message] = (await once(client, 'message')) as [Buffer];
  assert.equal(message.toString(), 'still here');
  client.send(Buffer.alloc(64 * 1024 + 1));
  const [code] = (await once(client, 'close')) as [number];
  assert.equal(code, 1009);
});

test('a client that pings and does not read has one answer waiting, to its latest ping', async (t) => {
  const { port, accepted } = await serve(t);
  const opened = openRaw(t, port);
  const { writer, socket } = await accepted;
  const client = await opened;
  client.pause();
  const message = Buffer.alloc(60_000, 'm');
  let sent = 0;
  let waiting = -1;
  // Until neither the kernel nor the client takes any more. Both ends live in this process: what stands still for so many of
  // its turns would not move in any other.
  for (let still = 0; still < 250; still++) {
    for (; !socket.writableNeedDrain; sent++) writer.send(message, true);
    await pause(1);
    if (socket.writableLength !== waiting) still = 0;
    waiting = socket.writableLength;
  }
  const pings = Array.from({ length: 1_000 }, (_, i) => ping(`ping ${i}`));
  const heard = Promise.withResolvers<void>();
  let unheard = Buffer.concat(pings).length;
  socket.on('data', (bytes: Buffer) => {
    unheard -= bytes.length;
    if (unheard === 0) heard.resolve();
  });
  client.write(Buffer.concat(pings));
  await heard.promise;
  assert.equal(socket.writableLength, waiting);
  const chunks: Buffer[] = [];
  client.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
  await writer.drained();
  writer.close();
  client.end();
  await once(client, 'end');
  const frames = framesIn(Buffer.concat(chunks));
  assert.deepEqual(frames.map(({ opcode }) => opcode).toSpliced(0, sent), [10, 8]);
  assert.equal(frames[sent]?.payload.toString(), 'ping 999');
});

test('what the answer says goes out as headers do, a byte for a sign', async (t) => {
  const server = createServer();
  server.on('upgrade', (request: IncomingMessage, socket, head: Buffer) => {
    t.after(() => socket.destroy());
    const headers = { warning: '299 - "gr\u00c3\u00bcn"' };
    acceptMessages(request, socket, head, { protocol: undefined, headers })?.send(
      Buffer.from('\u00fc'),
      true,
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => client.destroy());
  client.write(
    'GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n' +
      'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  let bytes = Buffer.alloc(0);
  const whole = Buffer.from('\r\n\r\n\x81\x02\u00c3\u00bc', 'latin1');
  while (!bytes.includes(whole)) {
    const [chunk] = (await once(client, 'data', { signal: AbortSignal.timeout(60_000) })) as [Buffer];
    bytes = Buffer.concat([bytes, chunk]);
  }
  assert.match(bytes.toString('utf8'), /\r\nwarning: 299 - "gr\u00fcn"\r\n/);
});

test('what is no handshake is told', () => {
  const headers = { 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
  const problemOf = (method: string, given: object): string | undefined =>
    handshakeProblem({ method, headers: given } as IncomingMessage);
  assert.equal(problemOf('GET', headers), undefined);
  assert.match(problemOf('POST', headers) ?? '', /with GET, and not with POST/);
  assert.match(problemOf('GET', { ...headers, 'sec-websocket-version': '8' }) ?? '', /Version/);
  assert.match(problemOf('GET', { ...headers, 'sec-websocket-key': 'short' }) ?? '', /key/);
  assert.match(problemOf('GET', { 'sec-websocket-version': '13' }) ?? '', /key/);
});

test('whoever cuts a message that nobody reads into very many frames, or a frame into very many pieces, is ended', async () => {
  const empty = Buffer.from([0x00, 0x80, 0, 0, 0, 0]);
  const frames = Buffer.concat([Buffer.from([0x02, 0x80, 0, 0, 0, 0]), ...Array<Buffer>(300).fill(empty)]);
  const header = Buffer.from([0x82, 0xfe, 0x80, 0, 0, 0, 0, 0]);
  for (const pieces of [[frames], [header, ...Array<Buffer>(300).fill(Buffer.from('x'))]]) {
    const [ours, theirs] = duplexPair();
    const request = { method: 'GET', headers: handshake } as unknown as IncomingMessage;
    const writer = acceptMessages(request, ours, Buffer.alloc(0), { protocol: undefined, headers: {} });
    assert.ok(writer);
    const told: Buffer[] = [];
    theirs.on('data', (bytes: Buffer) => told.push(bytes));
    const ended = once(theirs, 'end');
    for (const piece of pieces) {
      theirs.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
    // A close frame that says that the rules of this end were broken.
    assert.ok(Buffer.concat(told).includes(Buffer.from([0x88, 2, 1_008 >> 8, 1_008 & 0xff])));
    theirs.destroy();
  }
});

test('a message in some frames and pieces is read and forgotten', async () => {
  const [ours, theirs] = duplexPair();
  const request = { method: 'GET', headers: handshake } as unknown as IncomingMessage;
  const writer = acceptMessages(request, ours, Buffer.alloc(0), { protocol: undefined, headers: {} });
  assert.ok(writer);
  const answered = Promise.withResolvers<void>();
  let told = '';
  theirs.on('data', (bytes: Buffer) => {
    told += String(bytes);
    if (told.includes('still?')) answered.resolve();
  });
  theirs.on('close', () => answered.reject(new Error(`it was ended: ${JSON.stringify(told)}`)));
  const empty = Buffer.from([0x00, 0x80, 0, 0, 0, 0]);
  theirs.write(Buffer.concat([Buffer.from([0x02, 0x80, 0, 0, 0, 0]), ...Array<Buffer>(200).fill(empty)]));
  theirs.write(Buffer.from([0x80, 0x80, 0, 0, 0, 0]));
  theirs.write(ping('still?'));
  await answered.promise;
  theirs.destroy();
  ours.destroy();
});
