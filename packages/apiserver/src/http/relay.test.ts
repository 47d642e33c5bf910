import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Duplex, PassThrough } from 'node:stream';
import { test } from 'node:test';
import { internalError, StatusError } from '@timonier/api/statuses';
import type { Exchange } from './exchange.ts';
import { relay, relayUpgrade, type Call as Asked, type Switching, type Upstream } from './relay.ts';

class Connection extends Duplex {
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }
}

/** A request that does what the test says. */
class Call extends EventEmitter {
  end(): void {}
  destroy(): void {}
}

function switching(): Switching & { readonly answers: number[] } {
  const answers: number[] = [];
  const request = { method: 'GET', headers: { connection: 'upgrade', upgrade: 'x' } };
  return {
    request: request as unknown as IncomingMessage,
    socket: new Connection(),
    head: Buffer.alloc(0),
    onAnswer: (code) => void answers.push(code),
    answers,
  };
}

function upstreamOf(calls: Call[]): Upstream {
  return {
    open: () => {
      const call = new Call();
      calls.push(call);
      return call as unknown as ClientRequest;
    },
    unreachable: (reason) => new StatusError(internalError(reason)),
    patienceMs: 30_000,
  };
}

const head = { statusCode: 101, rawHeaders: [] };

test('for a client that went before its connection was to be joined nothing is opened', async () => {
  const one = switching();
  one.socket.destroy();
  await once(one.socket, 'close');
  const calls: Call[] = [];
  await assert.rejects(relayUpgrade(one, upstreamOf(calls), '/'), /the client has gone/);
  assert.equal(calls.length, 0);
});

test('the other side ends when it switches protocols for a client that has gone meanwhile', async () => {
  const one = switching();
  const calls: Call[] = [];
  const joined = relayUpgrade(one, upstreamOf(calls), '/');
  one.socket.destroy();
  await once(one.socket, 'close');
  const other = new PassThrough();
  calls[0]?.emit('upgrade', head, other, Buffer.alloc(0));
  await assert.rejects(joined, /the client has gone/);
  assert.ok(other.destroyed);
  assert.deepEqual(one.answers, []);
});

test('connections that are joined end together', async () => {
  for (const first of ['client', 'other'] as const) {
    const one = switching();
    const calls: Call[] = [];
    const joined = relayUpgrade(one, upstreamOf(calls), '/');
    const other = new Connection();
    calls[0]?.emit('upgrade', head, other, Buffer.alloc(0));
    (first === 'client' ? one.socket : other).destroy();
    await joined;
    assert.ok(one.socket.destroyed && other.destroyed);
    assert.deepEqual(one.answers, [101]);
  }
});

/** An exchange of a client that sends these headers; what it is told is kept. */
function exchangeWith(headers: Record<string, string>): Exchange & { readonly told: string[] } {
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
    request: { headers, rawHeaders: [] },
    response,
    method: 'GET',
    signal: new AbortController().signal,
    headers: {},
    onBegun: () => undefined,
    drained: () => Promise.resolve(),
    told,
  } as unknown as Exchange & { readonly told: string[] };
}

test('no header by which users are named here passes on, whatever those are called', async () => {
  const headers = {
    'x-forwarded-group': 'system:masters',
    'x-forwarded-extra-scopes': 'all',
    'x-remote-user': 'admin',
    'impersonate-user': 'admin',
    accept: 'application/json',
  };
  const isIdentity = (name: string): boolean => name.startsWith('x-forwarded-');
  const asked: Asked[] = [];
  const calls: Call[] = [];
  const upstream: Upstream = {
    ...upstreamOf(calls),
    open: (call) => {
      asked.push(call);
      return upstreamOf(calls).open(call);
    },
  };
  const done = relay(Object.assign(exchangeWith(headers), { isIdentity }), upstream, '/', {
    'x-remote-user': 'jane',
  });
  calls[0]?.emit('response', Object.assign(new PassThrough().end(), { statusCode: 200, headers: {} }));
  await done;
  const one = switching();
  const joined = relayUpgrade(
    { ...one, request: { method: 'GET', headers } as unknown as IncomingMessage, isIdentity },
    upstream,
    '/',
    { 'x-remote-user': 'jane' },
  );
  calls[1]?.emit('error', new Error('enough'));
  await assert.rejects(joined, /enough/);
  const expected = { accept: 'application/json', 'x-remote-user': 'jane' };
  assert.deepEqual(
    asked.map((call) => ({ ...call.headers })),
    [expected, expected],
  );
});

test('an answer that trickles is broken off after its time, and so is its client', async () => {
  const exchange = exchangeWith({});
  const calls: Call[] = [];
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
  const calls: Call[] = [];
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

test('an answer to who wanted to switch protocols is broken off after its time, and a joined connection is not', async () => {
  const upstream = (calls: Call[]): Upstream => ({ ...upstreamOf(calls), wholeMs: 20 });
  const one = switching();
  const calls: Call[] = [];
  const joined = relayUpgrade(one, upstream(calls), '/');
  const answer = new PassThrough();
  calls[0]?.emit('response', Object.assign(answer, { ...head, statusCode: 200 }));
  await once(one.socket, 'close');
  answer.destroy();
  await joined;
  const other = switching();
  const lasting = relayUpgrade(other, upstream(calls), '/');
  const far = new Connection();
  calls[1]?.emit('upgrade', head, far, Buffer.alloc(0));
  // Another one's time, which began later, is over.
  const later = switching();
  const late = relayUpgrade(later, upstream(calls), '/');
  const slow = new PassThrough();
  calls[2]?.emit('response', Object.assign(slow, { ...head, statusCode: 200 }));
  await once(later.socket, 'close');
  slow.destroy();
  await late;
  assert.ok(!other.socket.destroyed && !far.destroyed);
  far.destroy();
  await lasting;
});
