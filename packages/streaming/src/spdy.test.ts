import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { acceptSpdy } from './server.ts';
import { acceptSpdyStreams } from './spdy-server.ts';
import { openSpdyStreams } from './spdy-client.ts';
import { spdyDictionary } from './spdy-dictionary.ts';
import { controlFrame, dataFrame, FrameCutter, frameType, HeaderCoder, numbers } from './spdy-frames.ts';
import { SpdySession, type SpdyStream } from './spdy-session.ts';

test('the dictionary is the one that the checksum in every SPDY/3 session names', () => {
  const start = deflateSync(Buffer.from('x'), { dictionary: spdyDictionary }).subarray(0, 6);
  assert.equal(start.toString('hex'), '78bbe3c6a7c2');
});

test('frames are found in pieces of any size, and one that is too long is refused', () => {
  const bytes = Buffer.concat([
    dataFrame(7, Buffer.from('hello'), true),
    controlFrame(frameType.ping, numbers(9)),
  ]);
  for (const size of [1, 3, 8, bytes.length]) {
    const cutter = new FrameCutter();
    const frames = [];
    for (let at = 0; at < bytes.length; at += size)
      frames.push(...cutter.push(bytes.subarray(at, at + size)));
    assert.deepEqual(frames, [
      { kind: 'data', stream: 7, fin: true, payload: Buffer.from('hello') },
      { kind: 'control', type: frameType.ping, fin: false, payload: numbers(9) },
    ]);
  }
  assert.throws(() => new FrameCutter().push(Buffer.from([0, 0, 0, 1, 0, 0xff, 0xff, 0xff])), /too long/);
});

test('header blocks of a session build on each other, and garbage is an error', async () => {
  const [sender, receiver] = [new HeaderCoder(), new HeaderCoder()];
  for (const port of ['80', '8080', '443']) {
    const headers = new Map([
      ['streamtype', 'data'],
      ['port', port],
      ['requestid', '0'],
    ]);
    assert.deepEqual(await receiver.decode(await sender.encode(headers)), headers);
  }
  await assert.rejects(new HeaderCoder().decode(Buffer.from('garbage')));
  sender.close();
  receiver.close();
});

/** The client's end of a session: what it sends, and the frames it has got. */
function connected(): { client: PassThrough; frames: PassThrough; session: SpdySession } {
  const [client, frames] = [new PassThrough(), new PassThrough()];
  return { client, frames, session: new SpdySession(Duplex.from({ readable: client, writable: frames })) };
}

async function nextFrame(frames: PassThrough): Promise<ReturnType<FrameCutter['push']>> {
  const [bytes] = (await once(frames, 'data')) as [Buffer];
  return new FrameCutter().push(bytes);
}

test('a stream is answered, carries bytes both ways, and is reset when its reader gives up', async () => {
  const { client, frames, session } = connected();
  const coder = new HeaderCoder();
  const opened = Promise.withResolvers<SpdyStream>();
  const running = session.run((stream) => opened.resolve(stream));
  const block = await coder.encode(new Map([['streamtype', 'data']]));
  const reply = nextFrame(frames);
  client.write(controlFrame(frameType.synStream, Buffer.concat([numbers(1, 0), Buffer.alloc(2), block])));
  assert.equal((await reply)[0]?.kind, 'control');
  const stream = await opened.promise;
  assert.equal(stream.headers.get('streamtype'), 'data');
  client.write(dataFrame(1, Buffer.from('to the pod'), false));
  const [received] = (await once(stream, 'data')) as [Buffer];
  assert.equal(received.toString(), 'to the pod');
  const answer = nextFrame(frames);
  stream.write('from the pod');
  assert.deepEqual(await answer, [
    { kind: 'data', stream: 1, fin: false, payload: Buffer.from('from the pod') },
  ]);
  const reset = nextFrame(frames);
  stream.destroy();
  const [last] = await reset;
  assert.deepEqual(last, { kind: 'control', type: frameType.reset, fin: false, payload: numbers(1, 5) });
  client.end();
  await running;
  coder.close();
});

test('a dialled command ends its input while output goes on, and tells how it ended', async (t) => {
  const server = createServer().on('upgrade', (request, socket: Duplex, head: Buffer) => {
    assert.equal(request.headers['x-stream-protocol-version'], 'v4.channel.k8s.io');
    const session = new SpdySession(acceptSpdy(socket, head, 'v4.channel.k8s.io'));
    const streams = new Map<string, SpdyStream>();
    session
      .run((stream) => {
        streams.set(stream.headers.get('streamtype') ?? '', stream);
        if (streams.size === 3) void echo(streams, socket);
      })
      .catch(() => undefined);
  });
  // What comes in goes out after the end of the input, as `sort` does it.
  const echo = async (streams: Map<string, SpdyStream>, socket: Duplex): Promise<void> => {
    const input = await streams.get('stdin')?.toArray();
    streams.get('stdout')?.write(Buffer.concat((input ?? []) as Buffer[]));
    // No stream is ended: runtimes hang up after the outcome.
    streams.get('error')?.write(
      JSON.stringify({
        status: 'Failure',
        reason: 'NonZeroExitCode',
        details: { causes: [{ reason: 'ExitCode', message: '4' }] },
      }),
      () => socket.end(),
    );
  };
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const wanted = { stdin: true, stdout: true, stderr: false, tty: false };
  const streams = await openSpdyStreams(`http://127.0.0.1:${port}/exec/token`, wanted);
  const sent = Buffer.alloc(3_000_000, 'x');
  streams.stdin.end(sent);
  const output = Buffer.concat((await streams.stdout.toArray()) as Buffer[]);
  assert.ok(output.equals(sent));
  assert.deepEqual(await streams.stderr.toArray(), []);
  assert.deepEqual(await streams.outcome, { exitCode: 4 });
});

test('a refusal to dial carries the status and the text of the server', async (t) => {
  const server = createServer((_request, response) => response.writeHead(404).end('no such token'));
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const wanted = { stdin: false, stdout: true, stderr: true, tty: false };
  await assert.rejects(openSpdyStreams(`http://127.0.0.1:${port}/exec/token`, wanted), {
    name: 'HandshakeError',
    statusCode: 404,
    body: 'no such token',
  });
});

test('a process is run for a client that speaks SPDY only: its input ends before its output, and its outcome comes last', async (t) => {
  const wanted = { stdin: true, stdout: true, stderr: true, tty: false };
  const server = createServer();
  server.on('upgrade', (request, socket, head) => {
    void acceptSpdyStreams(request, socket, head, wanted).then(async (streams) => {
      const input = Buffer.concat((await streams.stdin.toArray()) as Buffer[]);
      streams.stdout.write(input);
      streams.stderr.write('oops');
      await streams.finish({ exitCode: 3 });
    });
  });
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const streams = await openSpdyStreams(`http://127.0.0.1:${port}/exec`, wanted);
  const sent = Buffer.alloc(1_000_000, 'y');
  streams.stdin.end(sent);
  const [stdout, stderr] = await Promise.all([streams.stdout.toArray(), streams.stderr.toArray()]);
  assert.ok(Buffer.concat(stdout as Buffer[]).equals(sent));
  assert.equal(Buffer.concat(stderr as Buffer[]).toString(), 'oops');
  assert.deepEqual(await streams.outcome, { exitCode: 3 });
});

test('a terminal that speaks SPDY only tells its sizes, and one whose protocol is not known is refused', async (t) => {
  const wanted = { stdin: false, stdout: true, stderr: false, tty: true };
  const server = createServer();
  const size = Promise.withResolvers<unknown>();
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/old') request.headersDistinct['x-stream-protocol-version'] = ['channel.k8s.io'];
    acceptSpdyStreams(request, socket, head, wanted).then(
      (streams) => streams.onResize((seen) => (size.resolve(seen), void streams.finish({ exitCode: 0 }))),
      () => undefined,
    );
  });
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const streams = await openSpdyStreams(`http://127.0.0.1:${port}/exec`, wanted);
  await streams.resize({ columns: 80, rows: 24 });
  assert.deepEqual(await size.promise, { columns: 80, rows: 24 });
  assert.deepEqual(await streams.outcome, { exitCode: 0 });
  await assert.rejects(openSpdyStreams(`http://127.0.0.1:${port}/old`, wanted), { statusCode: 403 });
});

/** Opens a stream from the other end; resolves when its answer is out. */
async function synStream(coder: HeaderCoder, id: number): Promise<Buffer> {
  const block = await coder.encode(new Map([['streamtype', 'data']]));
  return controlFrame(frameType.synStream, Buffer.concat([numbers(id, 0), Buffer.alloc(2), block]));
}

/** A session whose other end sends what the test says, and reads only what it is told to. */
class OtherEnd extends Duplex {
  readonly heard: Buffer[] = [];
  isDeaf = false;
  #waiting: (() => void)[] = [];

  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.heard.push(chunk);
    if (this.isDeaf) this.#waiting.push(done);
    else done();
  }

  say(bytes: Buffer): void {
    this.push(bytes);
  }

  listen(): void {
    this.isDeaf = false;
    for (const done of this.#waiting.splice(0)) done();
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turns(1);
}

async function turns(count = 50): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('an end that pings and does not read the answers is not read any further, until it does', async () => {
  const end = new OtherEnd();
  const session = new SpdySession(end);
  const running = session.run(() => undefined);
  end.isDeaf = true;
  const ping = controlFrame(frameType.ping, numbers(1));
  const many = Buffer.concat(Array.from({ length: 500 }, () => ping));
  for (let i = 0; i < 20; i++) end.say(many);
  await turns();
  assert.ok(end.writableLength <= 1_100 * ping.length, `${end.writableLength} bytes wait`);
  end.listen();
  while (Buffer.concat(end.heard).length < 10_000 * ping.length) await turns(1);
  end.push(null);
  await running;
});

test('a stream whose reader listens goes on, however many frames come', async () => {
  const end = new OtherEnd();
  const session = new SpdySession(end);
  let received = 0;
  const running = session.run((stream) => stream.on('data', (chunk: Buffer) => (received += chunk.length)));
  const coder = new HeaderCoder();
  end.say(await synStream(coder, 1));
  const frames = Buffer.concat(Array.from({ length: 1_000 }, () => dataFrame(1, Buffer.from('a'), false)));
  for (let i = 0; i < 50; i++) end.say(frames);
  await until(() => received === 50_000);
  end.push(null);
  await running;
  coder.close();
});

test('a ping that is none breaks the session', async () => {
  const end = new OtherEnd();
  const running = new SpdySession(end).run(() => undefined);
  end.say(controlFrame(frameType.ping, Buffer.alloc(1_024)));
  await assert.rejects(running, /a SPDY ping of 1024 bytes/);
});

test('streams that nobody reads hold no more together than a session may, in pieces of any size', async () => {
  for (const size of [1, 32 * 1024]) {
    const end = new OtherEnd();
    const session = new SpdySession(end);
    const streams: SpdyStream[] = [];
    const running = session.run((stream) => streams.push(stream));
    const coder = new HeaderCoder();
    for (let id = 1; id <= 99; id += 2) end.say(await synStream(coder, id));
    while (streams.length < 50) await turns(1);
    const piece = Buffer.alloc(size);
    const perStream = size === 1 ? 2_000 : 12;
    for (const { id } of streams)
      end.say(Buffer.concat(Array.from({ length: perStream }, () => dataFrame(id, piece, false))));
    await turns();
    const held = streams.reduce((sum, stream) => sum + stream.readableLength, 0);
    // A piece costs what it weighs, and something more.
    const most = size === 1 ? 40_000 : 4.2 * 1024 * 1024;
    assert.ok(held <= most, `${held} bytes are held of pieces of ${size}`);
    let received = 0;
    for (const stream of streams) stream.on('data', (chunk: Buffer) => (received += chunk.length));
    await until(() => received === 50 * perStream * size);
    end.push(null);
    await running;
    coder.close();
  }
});

test('a frame that waits does not hold what it came with', async () => {
  const end = new OtherEnd();
  const session = new SpdySession(end);
  const streams: SpdyStream[] = [];
  const running = session.run((stream) => streams.push(stream));
  const coder = new HeaderCoder();
  for (const id of [1, 3]) end.say(await synStream(coder, id));
  await until(() => streams.length === 2);
  const rest = Buffer.alloc(512 * 1024, 'b');
  end.say(Buffer.concat([dataFrame(1, Buffer.from('a'), false), dataFrame(3, rest, false)]));
  await until(() => streams.every(({ readableLength }) => readableLength > 0));
  const [small, large] = streams.map((stream) => stream.read() as Buffer);
  assert.equal(small?.toString(), 'a');
  assert.ok((small?.buffer.byteLength ?? 0) <= Buffer.poolSize, `${small?.buffer.byteLength} bytes for one`);
  assert.deepEqual(large, rest);
  assert.ok(
    (large?.buffer.byteLength ?? 0) > rest.length,
    'one that is most of what it came with is not copied',
  );
  end.push(null);
  await running;
  coder.close();
});
