import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { forgetListeners, forgetStreams } from './stream-memory.ts';

interface Serving {
  readonly session: ClientHttp2Session;
  readonly requests: Http2ServerRequest[];
  readonly forgot: boolean[];
}

async function serve(
  t: TestContext,
  answer: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Promise<Serving> {
  const requests: Http2ServerRequest[] = [];
  const forgot: boolean[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    request.on('error', () => undefined);
    forgetListeners(request, response);
    answer(request, response);
  });
  server.on('session', (session) => forgot.push(forgetStreams(session)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    session.destroy();
    server.close();
  });
  return { session, requests, forgot };
}

async function ask(session: ClientHttp2Session, body = ''): Promise<string> {
  const stream = session.request({ ':method': 'POST', ':path': '/' });
  stream.setEncoding('utf8');
  stream.end(body);
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

test('a session with another map for its streams serves as many as come, and each hears of its end', async (t) => {
  let closed = 0;
  const { session, requests, forgot } = await serve(t, (request, response) => {
    response.once('close', () => closed++);
    request.pipe(response);
  });
  for (let round = 0; round < 40; round++) {
    const texts = Array.from({ length: 20 }, (_, i) => `${round} ${i}`);
    assert.deepEqual(await Promise.all(texts.map((text) => ask(session, text))), texts);
  }
  // False here means that this Node keeps its streams differently: then look again how.
  assert.deepEqual(forgot, [true]);
  const last = requests.at(-1);
  assert.ok(last !== undefined);
  if (!last.stream.closed) await once(last.stream, 'close');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(closed, 800);
  assert.deepEqual(
    requests.map((request) => request.eventNames()),
    requests.map(() => ['error']),
  );
  assert.deepEqual(last.stream.eventNames(), ['error']);
});

test('streams that the client resets, and a session that is destroyed, end with their answers', async (t) => {
  const ends: string[] = [];
  const { session, requests } = await serve(t, (request, response) => {
    const { path } = { path: request.url };
    response.once('close', () => ends.push(path));
  });
  const wait = async (count: number): Promise<void> => {
    while (requests.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const reset = session.request({ ':path': '/reset' });
  reset.on('error', () => undefined);
  await wait(1);
  const gone = once(requests[0]?.stream ?? session, 'close');
  reset.close(8);
  await gone;
  const held = ['/1', '/2', '/3'].map((path) => session.request({ ':path': path }));
  for (const stream of held) stream.on('error', () => undefined);
  await wait(4);
  const closed = Promise.all(requests.slice(1).map(({ stream }) => once(stream, 'close')));
  session.destroy();
  await closed;
  assert.deepEqual(ends.toSorted(), ['/1', '/2', '/3', '/reset']);
});
