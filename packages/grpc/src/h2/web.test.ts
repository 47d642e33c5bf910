/** Requests that are no gRPC, by Node's HTTP/2 client, beside gRPC on the same server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { test, type TestContext } from 'node:test';
import { GrpcError, GrpcServer, Status, type WebCall } from '../index.ts';

async function serve(t: TestContext, web: (call: WebCall) => Promise<void>): Promise<ClientHttp2Session> {
  const server = new GrpcServer({ implementation: 'lean', web });
  const session = connect(`http://127.0.0.1:${await server.listen('127.0.0.1:0')}`);
  t.after(async () => {
    session.destroy();
    await server.shutdown(100);
  });
  return session;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly code: number;
}

async function ask(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body: readonly string[] = [],
): Promise<Answer> {
  const stream = session.request(headers, { endStream: body.length === 0 });
  let status = 0;
  let type = '';
  stream.on('response', (fields) => {
    status = Number(fields[':status']);
    type = String(fields['content-type']);
  });
  stream.on('error', () => undefined);
  let text = '';
  stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  const closed = once(stream, 'close');
  for (const piece of body) {
    stream.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (body.length > 0) stream.end();
  await closed;
  return { status, type, body: text, code: stream.rstCode };
}

const plain = { 'Content-Type': 'text/plain' };

test('a request is seen as it came, and answered as the handler says', async (t) => {
  const session = await serve(t, async (call) => {
    let body = '';
    for await (const piece of call.body) body += piece.toString();
    call.respond(201, plain);
    call.send(Buffer.from(`${call.method} ${call.path} ${call.metadata('x-a')} ${call.secure} ${body}`));
  });
  const answer = await ask(session, { ':method': 'PUT', ':path': '/p?q=1', 'x-a': 'b' }, ['one ', 'two']);
  assert.deepEqual(answer, { status: 201, type: 'text/plain', body: 'PUT /p?q=1 b false one two', code: 0 });
  assert.equal((await ask(session, { ':path': '/' })).body, 'GET / undefined false ');
});

test('long bodies go through the windows in both directions, however the handler waits', async (t) => {
  const session = await serve(t, async (call) => {
    let bytes = 0;
    for await (const piece of call.body) bytes += piece.length;
    call.respond(200, plain);
    for (let sent = 0; sent < bytes; sent += 50_000)
      if (!call.send(Buffer.alloc(50_000, 'x'))) await call.drained();
  });
  const pieces = Array.from({ length: 40 }, () => 'y'.repeat(50_000));
  const { body, code } = await ask(session, { ':method': 'POST', ':path': '/' }, pieces);
  assert.deepEqual([body.length, code], [2_000_000, 0]);
});

test('an answer that needs no body reaches a client that is still sending one', async (t) => {
  const session = await serve(t, (call) => {
    call.respond(404, plain);
    call.send(Buffer.from('no'));
    return Promise.resolve();
  });
  const { status, body, code } = await ask(session, { ':method': 'POST', ':path': '/' }, ['a', 'b', 'c']);
  assert.deepEqual([status, body, code], [404, 'no', 0]);
});

test('a fault of the handler is 500 before the head is sent, and a reset afterwards', async (t) => {
  const session = await serve(t, async (call) => {
    if (call.path === '/late') {
      call.respond(200, plain);
      call.send(Buffer.from('begun'));
    }
    await Promise.resolve();
    throw new GrpcError(Status.INTERNAL, 'a bug');
  });
  assert.equal((await ask(session, { ':path': '/' })).status, 500);
  const late = await ask(session, { ':path': '/late' });
  assert.deepEqual([late.status, late.code], [200, constants.NGHTTP2_CANCEL]);
});

test('a handler that is told of a client that is gone may end, and one may end its call itself', async (t) => {
  let aborted: (() => void) | undefined;
  const gone = new Promise<void>((resolve) => (aborted = resolve));
  const session = await serve(t, async (call) => {
    if (call.path === '/abort') {
      call.abort();
      return;
    }
    call.respond(200, plain);
    call.send(Buffer.from('x'));
    await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()));
    aborted?.();
  });
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => undefined);
  await once(stream, 'data');
  stream.close(constants.NGHTTP2_CANCEL);
  await gone;
  assert.equal((await ask(session, { ':path': '/abort' })).code, constants.NGHTTP2_CANCEL);
});

test('gRPC on the same connection is gRPC', async (t) => {
  const session = await serve(t, () => Promise.reject(new Error('not for it')));
  const stream = session.request({
    ':method': 'POST',
    ':path': '/none/such',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  const [fields] = (await once(stream, 'response')) as [Record<string, string>];
  assert.equal(fields['grpc-status'], String(Status.UNIMPLEMENTED));
});

test('an answer that its handler ends does not wait for the handler', async (t) => {
  const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
  const told: boolean[] = [];
  const session = await serve(t, async (call) => {
    call.onGone(() => told.push(call.gone));
    call.respond(200, plain);
    if (call.path === '/empty') call.end();
    else call.end(Buffer.from(call.takeBody() ?? 'not yet'));
    // Nothing of this is sent.
    call.send(Buffer.from('late'));
    call.end(Buffer.from('later'));
    await held;
  });
  assert.deepEqual(await ask(session, { ':path': '/empty' }), {
    status: 200,
    type: 'text/plain',
    body: '',
    code: 0,
  });
  assert.equal((await ask(session, { ':path': '/' })).body, '');
  const posted = session.request({ ':method': 'POST', ':path': '/' });
  posted.setEncoding('utf8').end('all of it');
  let text = '';
  for await (const piece of posted as AsyncIterable<string>) text += piece;
  assert.ok(['all of it', 'not yet'].includes(text), text);
  assert.deepEqual(told, [true, true, true]);
  release(undefined);
});

test('an answer has a date, its own if it is given one', async (t) => {
  const given = 'Tue, 15 Nov 1994 08:12:31 GMT';
  const session = await serve(t, (call) => {
    call.respond(200, call.path === '/' ? {} : { date: given });
    return Promise.resolve();
  });
  for (const [path, own] of [
    ['/', undefined],
    ['/given', given],
  ] as const) {
    const before = Date.now();
    const stream = session.request({ ':path': path });
    const [{ date }] = (await once(stream, 'response')) as [{ date: string }];
    stream.close();
    const told = Date.parse(date);
    // It has no parts of seconds.
    if (own === undefined) assert.ok(told > before - 5_000 && told <= Date.now(), date);
    else assert.equal(date, own);
  }
});

test('a long answer that is ended goes through the windows, whatever its length', async (t) => {
  const lengths = [16_384, 16_385, 65_535, 65_536, 1_000_000];
  const session = await serve(t, (call) => {
    call.respond(200, plain);
    if (call.metadata('x-begin') !== undefined) call.send(Buffer.from('#'));
    call.end(Buffer.alloc(Number(call.path.slice(1)), 'x'));
    return Promise.resolve();
  });
  for (const length of lengths) {
    assert.equal((await ask(session, { ':path': `/${length}` })).body.length, length);
    assert.equal((await ask(session, { ':path': `/${length}`, 'x-begin': '' })).body.length, length + 1);
  }
});

test('a handler that gives no answer is a fault', async (t) => {
  const session = await serve(t, () => Promise.resolve());
  assert.deepEqual(await ask(session, { ':path': '/' }), {
    status: 500,
    type: 'undefined',
    body: '',
    code: 0,
  });
});
