import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from 'node:http2';
import { describe, it, type TestContext } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { serveBare } from '../testing/bare-server.ts';
import { HandTurned } from '../testing/hand-turned.ts';
import { until } from '../testing/harness.ts';
import type { HttpRequest, HttpResponse } from './exchange.ts';
import { StartQueue, type Waiting } from './start-queue.ts';

/** As long as a turn has time for. */
const wholeTurn = 8;

interface Bench {
  readonly loop: HandTurned;
  readonly starts: StartQueue;
  /** What was served, and when it had come. */
  readonly served: { readonly path: string; readonly came: number }[];
  readonly port: number;
  readonly ca: Buffer;
}

/** A server that has time for one request in each turn, and turns by hand. */
async function setUp(t: TestContext): Promise<Bench> {
  const loop = new HandTurned();
  const starts = new StartQueue(loop);
  const served: Bench['served'] = [];
  const serve = async (request: HttpRequest, response: HttpResponse, came: number): Promise<void> => {
    served.push({ path: request.url, came });
    loop.work(wholeTurn);
    response.answer(200, {}, Buffer.from('served'));
    await Promise.resolve();
  };
  return { loop, starts, served, ...(await serveBare(t, serve, { starts })) };
}

function turnUntilIdle(loop: HandTurned): void {
  for (let turns = 0; !loop.isIdle; turns++) {
    assert.ok(turns < 1_000, 'it goes on for ever');
    loop.turn();
  }
}

function openSession(t: TestContext, { port, ca }: Pick<Bench, 'port' | 'ca'>): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: 'localhost', ca });
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  return session;
}

function ask(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  const stream = session.request({ ':path': path });
  stream.on('error', () => undefined).resume();
  return stream;
}

async function openHttp1(t: TestContext, { port, ca }: Pick<Bench, 'port' | 'ca'>): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca,
    ALPNProtocols: ['http/1.1'],
  });
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

describe('requests that wait', () => {
  it('are gone at once when their streams are reset, and the others are served', async (t) => {
    const bench = await setUp(t);
    const { loop, starts, served } = bench;
    const session = openSession(t, bench);
    await once(ask(session, '/first'), 'response');
    const streams = Array.from({ length: 6 }, (_unused, i) => ask(session, `/${i}`));
    await until(() => starts.length === 6, 'all wait');
    for (const index of [0, 3, 5]) streams[index]?.close(constants.NGHTTP2_CANCEL);
    await until(() => starts.length === 3, 'those that were reset are gone');
    const answers = [1, 2, 4].map((index) => once(streams[index] ?? assert.fail(), 'response'));
    turnUntilIdle(loop);
    for (const [headers] of (await Promise.all(answers)) as [Record<string, unknown>][])
      assert.equal(headers[':status'], 200);
    await once(ask(session, '/last'), 'response');
    assert.deepEqual(
      served.map(({ path }) => path),
      ['/first', '/1', '/2', '/4', '/last'],
    );
  });

  it('are gone with their session', async (t) => {
    const bench = await setUp(t);
    const session = openSession(t, bench);
    await once(ask(session, '/first'), 'response');
    for (let i = 0; i < 4; i++) ask(session, `/${i}`);
    await until(() => bench.starts.length === 4, 'all wait');
    session.destroy();
    await until(() => bench.starts.length === 0, 'all are gone');
    turnUntilIdle(bench.loop);
    assert.equal(bench.served.length, 1);
  });

  it('are not served over HTTP/1.1 when their client has gone away', async (t) => {
    const bench = await setUp(t);
    const { loop, starts, served } = bench;
    const socket = await openHttp1(t, bench);
    socket.write(get('/first'));
    await once(socket, 'data');
    socket.write(get('/1') + get('/2') + get('/3'));
    await until(() => starts.length === 1, 'the first of them waits, and the others for it');
    socket.destroy();
    await until(() => starts.length === 0, 'all are gone');
    turnUntilIdle(loop);
    const other = await openHttp1(t, bench);
    other.write(get('/other'));
    await once(other, 'data');
    assert.deepEqual(
      served.map(({ path }) => path),
      ['/first', '/other'],
    );
  });

  it('last from when they came', async (t) => {
    const bench = await setUp(t);
    const { loop, starts, served } = bench;
    const session = openSession(t, bench);
    const socket = await openHttp1(t, bench);
    await once(ask(session, '/first'), 'response');
    const stream = ask(session, '/2');
    socket.write(get('/1'));
    await until(() => starts.length === 2, 'both wait');
    const begun = performance.now();
    const answers = [once(stream, 'response'), once(socket, 'data')];
    turnUntilIdle(loop);
    await Promise.all(answers);
    assert.equal(served.length, 3);
    for (const { path, came } of served) assert.ok(came < begun, `${path} counts from when it began`);
  });
});

/** Sees how many wait at most. */
class Watched extends StartQueue {
  most = 0;

  override wait(source: object, start: () => void): Waiting {
    const waiting = super.wait(source, start);
    this.most = Math.max(this.most, this.length);
    return waiting;
  }
}

describe('pipelined requests', () => {
  const count = 5_000;
  const requests = Array.from({ length: count }, (_unused, i) => get(`/${i}`)).join('');
  const inOrder = Array.from({ length: count }, (_unused, i) => String(i));

  /** Numbers of the answers, as they come. */
  async function numbersOf(socket: TLSSocket, wanted = count): Promise<string[]> {
    let text = '';
    const numbers: string[] = [];
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      text += chunk.toString('latin1');
      const end = text.lastIndexOf('>') + 1;
      for (const [, number = ''] of text.slice(0, end).matchAll(/<(\d+) *>/g)) numbers.push(number);
      text = text.slice(end);
      if (numbers.length >= wanted) break;
    }
    return numbers;
  }

  it('are all answered in order, and one of them waits at a time', async (t) => {
    const loop = new HandTurned();
    const starts = new Watched(loop);
    const serve = async (request: HttpRequest, response: HttpResponse): Promise<void> => {
      loop.work(wholeTurn);
      response.answer(200, {}, Buffer.from(`<${request.url.slice(1)}>`));
      await Promise.resolve();
    };
    const socket = await openHttp1(t, await serveBare(t, serve, { starts }));
    const turning = new AbortController();
    t.after(() => turning.abort());
    const turn = (): void => {
      if (turning.signal.aborted) return;
      loop.turn();
      setImmediate(turn);
    };
    turn();
    socket.write(requests);
    assert.deepEqual(await numbersOf(socket), inOrder);
    assert.equal(starts.most, 1);
  });

  it('are all answered in order when answers wait for an earlier one, and for their client', async (t) => {
    const { promise: held, resolve: answerFirst } = Promise.withResolvers<void>();
    let unanswered = 0;
    let most = 0;
    const serve = async (request: HttpRequest, response: HttpResponse): Promise<void> => {
      most = Math.max(most, ++unanswered);
      response.onClose(() => unanswered--);
      if (request.url === '/0') await held;
      response.answer(200, {}, Buffer.from(`<${request.url.slice(1).padEnd(4_000)}>`));
    };
    const socket = await openHttp1(t, await serveBare(t, serve));
    socket.write(requests);
    await until(() => unanswered === 1, 'the first is served');
    answerFirst();
    assert.deepEqual(await numbersOf(socket), inOrder);
    // The next may begin just before everybody has heard that one is out.
    assert.ok(most <= 2, `${most} were unanswered at once`);
  });

  it('are answered no faster than their client takes the answers', async (t) => {
    const large = 60;
    let begun = 0;
    const serve = async (request: HttpRequest, response: HttpResponse): Promise<void> => {
      begun++;
      await Promise.resolve();
      const number = Number(request.url.slice(1));
      const isLarge = number >= 100 && number < 100 + large;
      response.answer(200, {}, Buffer.from(`<${String(number).padEnd(isLarge ? 512 * 1024 : 1)}>`));
    };
    // A clock that stands still: each begins when its turn comes.
    const bare = await serveBare(t, serve, { starts: new StartQueue(new HandTurned()) });
    const socket = await openHttp1(t, bare);
    socket.write(requests.slice(0, requests.indexOf('GET /300 ')));
    await until(() => begun > 100, 'the small ones are out');
    // What could have been made meanwhile would have been.
    const other = await openHttp1(t, bare);
    other.write(get('/200'));
    await once(other, 'data');
    // The client reads nothing: the large ones are more than all buffers in between hold.
    assert.ok(begun < 100 + large, `${begun} have begun`);
    assert.deepEqual(await numbersOf(socket, 300), inOrder.slice(0, 300));
  });

  it('have bodies, which are read in their turn', async (t) => {
    const { promise: held, resolve: answerFirst } = Promise.withResolvers<void>();
    let got = '';
    const serve = async (request: HttpRequest, response: HttpResponse): Promise<void> => {
      if (request.method === 'GET') await held;
      else got = (await request.body()).toString();
      response.answer(200, {}, Buffer.from(`<${request.url.slice(1)}>`));
    };
    const socket = await openHttp1(t, await serveBare(t, serve));
    const body = 'x'.repeat(40_000);
    socket.write(
      `${requests.slice(0, requests.indexOf('GET /100 '))}POST /100 HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n${body}`,
    );
    answerFirst();
    socket.write(requests.slice(requests.indexOf('GET /101 ')));
    assert.deepEqual(await numbersOf(socket), inOrder);
    assert.equal(got, body);
  });
});
