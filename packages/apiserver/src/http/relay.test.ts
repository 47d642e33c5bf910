import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { StatusError } from '@timonier/api/statuses';
import type { Exchange } from './exchange.ts';
import { relay } from './relay.ts';
import type { Call as Asked, Upstream } from './upstream.ts';
import { RelayedCall, upstreamOf } from '../testing/relayed-call.ts';

/** An exchange of a client that sends these headers and this body; what it is told is kept. */
function exchangeWith(
  headers: Record<string, string>,
  body: AsyncIterable<Buffer> = new PassThrough().end(),
  method = 'GET',
): Exchange & { readonly told: string[] } {
  const told: string[] = [];
  const response = {
    headersSent: false,
    writeHead: (status: number) => {
      response.headersSent = true;
      told.push(String(status));
    },
    write: (chunk: Buffer) => told.push(chunk.toString()) > 0,
    end: () => told.push('end'),
    destroy: () => told.push('destroyed'),
  };
  return {
    request: Object.assign(body, { headers, rawHeaders: [], socket: { remoteAddress: '192.0.2.7' } }),
    response,
    method,
    signal: new AbortController().signal,
    headers: {},
    onBegun: () => undefined,
    drained: () => Promise.resolve(),
    told,
  } as unknown as Exchange & { readonly told: string[] };
}

function answerOf(statusCode: number, headers: Record<string, string> = {}): PassThrough {
  return Object.assign(new PassThrough(), { statusCode, headers });
}

test('no header by which users are named here passes on, whatever those are called, and none of a connection', async () => {
  const headers = {
    'x-forwarded-group': 'system:masters',
    'x-forwarded-extra-scopes': 'all',
    'x-remote-user': 'admin',
    'impersonate-user': 'admin',
    connection: 'keep-alive, X-Hop',
    'x-hop': '1',
    accept: 'application/json',
  };
  const isIdentity = (name: string): boolean => name.startsWith('x-forwarded-');
  const asked: Asked[] = [];
  const calls: RelayedCall[] = [];
  const exchange = Object.assign(exchangeWith(headers), { isIdentity });
  const done = relay(exchange, upstreamOf(calls, asked), '/', { 'x-remote-user': 'jane' });
  calls[0]?.emit('response', answerOf(200).end());
  await done;
  assert.deepEqual({ ...asked[0]?.headers }, { accept: 'application/json', 'x-remote-user': 'jane' });
});

test('the other side learns where a request comes from, behind what it came through before', async () => {
  const asked: Asked[] = [];
  const calls: RelayedCall[] = [];
  for (const headers of [{}, { 'x-forwarded-for': '192.0.2.1' }] as Record<string, string>[]) {
    const done = relay(exchangeWith(headers), upstreamOf(calls, asked), '/');
    calls.at(-1)?.emit('response', answerOf(200).end());
    await done;
  }
  assert.deepEqual(
    asked.map(({ headers }) => headers['x-forwarded-for']),
    ['192.0.2.7', '192.0.2.1, 192.0.2.7'],
  );
});

test('an answer comes back while the body is still on its way, and what is sent behind it is forgotten', async () => {
  const calls: RelayedCall[] = [];
  const body = new PassThrough();
  const exchange = exchangeWith({}, body, 'POST');
  const done = relay(exchange, upstreamOf(calls), '/');
  const [call] = calls;
  assert.ok(call);
  call.takes = false;
  body.write('a');
  await new Promise((resolve) => setImmediate(resolve));
  // It waits for room, which never comes.
  call.emit('response', answerOf(413).end('too much'));
  await done;
  assert.deepEqual(exchange.told, ['413', 'too much', 'end']);
  assert.ok(call.destroyed, 'nobody sends it the rest');
  body.end('rest');
  await new Promise((resolve) => body.once('close', resolve));
  assert.deepEqual(call.written, ['transfer-encoding: chunked', 'a']);
});

test('a client that still sends is told that the other side has gone, and is not broken off', async () => {
  const calls: RelayedCall[] = [];
  const body = new PassThrough();
  const exchange = exchangeWith({ 'content-length': '9' }, body, 'POST');
  const done = relay(exchange, upstreamOf(calls), '/');
  body.write('a');
  calls[0]?.destroy();
  calls[0]?.emit('error', new Error('connect ECONNREFUSED'));
  await assert.rejects(done, /ECONNREFUSED/);
  assert.ok(!body.destroyed);
  body.end('rest');
  await new Promise((resolve) => body.once('end', resolve));
});

test('a body that breaks off ends the request', async () => {
  const calls: RelayedCall[] = [];
  const body = new PassThrough();
  const done = relay(exchangeWith({}, body, 'POST'), upstreamOf(calls), '/');
  const [call] = calls;
  assert.ok(call);
  call.destroy = () => {
    call.destroyed = true;
    call.emit('error', new Error('it is broken'));
  };
  body.destroy(new Error('aborted'));
  await assert.rejects(done, /it is broken/);
  assert.deepEqual(call.written, [], 'it was not ended as if it were whole');
});

test('a GET has a body where its client sends one', async () => {
  const calls: RelayedCall[] = [];
  const body = new PassThrough();
  const done = relay(exchangeWith({ 'content-length': '5' }, body), upstreamOf(calls), '/');
  const ended = new Promise((resolve) => calls[0]?.once('ended', resolve));
  body.end('query');
  await ended;
  calls[0]?.emit('response', answerOf(200).end());
  await done;
  assert.deepEqual(calls[0]?.written, ['query', 'end']);
});

test('what may be asked twice is asked again when a connection that was kept had been closed', async () => {
  const lost = (): Error => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
  const ask = async (method: string, isReused: boolean, body?: string): Promise<RelayedCall[]> => {
    const calls: RelayedCall[] = [];
    const sent = new PassThrough();
    const exchange = exchangeWith({}, sent, method);
    const done = relay(exchange, upstreamOf(calls), '/');
    const [first] = calls;
    assert.ok(first);
    const outcome = done.then(
      () => undefined,
      (error: unknown) => error,
    );
    const ended = new Promise((resolve) => first.once('ended', resolve));
    sent.end(body);
    await ended;
    first.reusedSocket = isReused;
    first.emit('error', lost());
    await new Promise((resolve) => setImmediate(resolve));
    calls[1]?.emit('response', answerOf(200).end('there'));
    if (calls.length === 1) assert.match(String(await outcome), /socket hang up/);
    else {
      assert.equal(await outcome, undefined);
      assert.deepEqual(exchange.told, ['200', 'there', 'end']);
    }
    return calls;
  };
  assert.equal((await ask('GET', true)).length, 2);
  assert.equal((await ask('GET', false)).length, 1);
  assert.equal((await ask('POST', true)).length, 1);
  assert.equal((await ask('GET', true, 'a body')).length, 1);
});

test('an answer is waited for as long as the client wants where nothing else is said', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const calls: RelayedCall[] = [];
  const body = new PassThrough();
  const done = relay(exchangeWith({}, body, 'POST'), upstreamOf(calls), '/');
  const [call] = calls;
  assert.ok(call);
  call.emit('socket', Object.assign(new EventEmitter(), { setKeepAlive: () => undefined }));
  const ended = new Promise((resolve) => call.once('ended', resolve));
  body.end('a');
  await ended;
  t.mock.timers.tick(500_000);
  assert.ok(!call.destroyed);
  call.emit('response', answerOf(200).end());
  await done;
});

test('an answer that trickles is broken off after its time, and so is its client', async () => {
  const exchange = exchangeWith({});
  const calls: RelayedCall[] = [];
  const answer = new PassThrough();
  const upstream: Upstream = {
    ...upstreamOf(calls),
    wholeMs: 20,
    open: (asked) => {
      const call = upstreamOf(calls).open(asked);
      call.destroy = (error) => {
        answer.destroy(error);
        return call;
      };
      return call;
    },
  };
  const done = relay(exchange, upstream, '/');
  calls[0]?.emit('response', Object.assign(answer, { statusCode: 200, headers: {} }));
  answer.write('a');
  await done;
  assert.ok(answer.destroyed);
  assert.deepEqual([exchange.told[0], exchange.told[1], exchange.told.at(-1)], ['200', 'a', 'destroyed']);
});

test('who gets no answer in the whole time is told so', async () => {
  const calls: RelayedCall[] = [];
  const upstream: Upstream = {
    ...upstreamOf(calls),
    wholeMs: 20,
    open: (asked) => {
      const call = upstreamOf(calls).open(asked);
      call.destroy = (error) => {
        if (error !== undefined) call.emit('error', error);
        return call;
      };
      return call;
    },
  };
  await assert.rejects(
    relay(exchangeWith({}), upstream, '/'),
    (error: StatusError) =>
      error.status.code === 504 && /did not complete within the allotted timeout/.test(error.message),
  );
});
