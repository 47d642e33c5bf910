import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Duplex, PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { Call as Asked, Upstream } from './upstream.ts';
import { relayUpgrade, type Switching } from './relay-upgrade.ts';
import { RelayedCall, upstreamOf } from '../testing/relayed-call.ts';

class Connection extends Duplex {
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }
}

/** A client that takes what it is told when the test says so. */
class Slow extends Duplex {
  readonly taken: Buffer[] = [];
  #take: (() => void) | undefined;

  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#take = () => {
      this.taken.push(chunk);
      done();
    };
    this.emit('offered');
  }

  accept(): void {
    const take = this.#take;
    this.#take = undefined;
    take?.();
  }
}

function switching(
  socket: Duplex = new Connection(),
  headers: IncomingMessage['headers'] = {},
): Switching & { readonly answers: number[] } {
  const answers: number[] = [];
  const request = {
    method: 'GET',
    headers: { connection: 'upgrade', upgrade: 'x', ...headers },
    socket: { remoteAddress: '::ffff:192.0.2.7' },
  };
  return {
    request: request as unknown as IncomingMessage,
    socket,
    head: Buffer.alloc(0),
    onAnswer: (code) => void answers.push(code),
    answers,
  };
}

const head = { statusCode: 101, rawHeaders: [] };

test('for a client that went before its connection was to be joined nothing is opened', async () => {
  const one = switching();
  one.socket.destroy();
  await once(one.socket, 'close');
  const calls: RelayedCall[] = [];
  await assert.rejects(relayUpgrade(one, upstreamOf(calls), '/'), /the client has gone/);
  assert.equal(calls.length, 0);
});

test('the other side ends when it switches protocols for a client that has gone meanwhile', async () => {
  const one = switching();
  const calls: RelayedCall[] = [];
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
    const calls: RelayedCall[] = [];
    const joined = relayUpgrade(one, upstreamOf(calls), '/');
    const other = new Connection();
    calls[0]?.emit('upgrade', head, other, Buffer.alloc(0));
    (first === 'client' ? one.socket : other).destroy();
    await joined;
    assert.ok(one.socket.destroyed && other.destroyed);
    assert.deepEqual(one.answers, [101]);
  }
});

test('who does not answer to a wish to switch protocols is waited for as long as was said', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (const patienceMs of [60_000, undefined]) {
    const one = switching();
    const calls: RelayedCall[] = [];
    const joined = relayUpgrade(one, { ...upstreamOf(calls), patienceMs }, '/');
    const [call] = calls;
    assert.ok(call);
    call.emit('socket', Object.assign(new EventEmitter(), { setKeepAlive: () => undefined }));
    t.mock.timers.tick(59_999);
    assert.ok(!call.destroyed);
    t.mock.timers.tick(500_000);
    assert.equal(call.destroyed, patienceMs !== undefined);
    call.emit('error', new Error('no answer'));
    await assert.rejects(joined, /no answer/);
  }
});

test('an answer to who wanted to switch protocols is broken off after its time, and a joined connection is not', async () => {
  const upstream = (calls: RelayedCall[]): Upstream => ({ ...upstreamOf(calls), wholeMs: 20 });
  const one = switching();
  const calls: RelayedCall[] = [];
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

test('what the other side says last reaches a client that reads slowly', async () => {
  const client = new Slow();
  const calls: RelayedCall[] = [];
  const joined = relayUpgrade(switching(client), upstreamOf(calls), '/');
  const other = new Duplex({ allowHalfOpen: false, read: () => undefined });
  calls[0]?.emit('upgrade', head, other, Buffer.alloc(0));
  client.accept();
  const offered = once(client, 'offered');
  other.push('the outcome');
  await offered;
  other.push(null);
  await once(other, 'close');
  assert.ok(!client.destroyed, 'it still has something to read');
  client.accept();
  await once(client, 'finish');
  assert.equal(Buffer.concat(client.taken.slice(1)).toString(), 'the outcome');
  client.push(null);
  await joined;
  assert.ok(client.destroyed);
});

test('a client that reads nothing of the last words is let go, and so is one that only keeps its side open', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (const isRead of [false, true]) {
    const client = new Slow();
    const calls: RelayedCall[] = [];
    const joined = relayUpgrade(switching(client), upstreamOf(calls), '/');
    const other = new Duplex({ allowHalfOpen: false, read: () => undefined });
    calls[0]?.emit('upgrade', head, other, Buffer.alloc(0));
    other.push(null);
    await once(other, 'close');
    if (isRead) {
      const finished = once(client, 'finish');
      client.accept();
      await finished;
    }
    t.mock.timers.tick(isRead ? 5_000 : 60_000);
    await joined;
    assert.ok(client.destroyed);
  }
});

test('whoever is asked to switch protocols learns where the client is, and nothing that is about its connection', async () => {
  const calls: RelayedCall[] = [];
  const asked: Asked[] = [];
  const client = switching(new Connection(), {
    connection: 'Upgrade, X-Hop',
    'x-hop': '1',
    'x-forwarded-for': '192.0.2.1',
  });
  const joined = relayUpgrade(client, upstreamOf(calls, asked), '/');
  calls[0]?.emit('error', new Error('enough'));
  await assert.rejects(joined, /enough/);
  assert.deepEqual(
    { ...asked[0]?.headers },
    { connection: 'Upgrade, X-Hop', upgrade: 'x', 'x-forwarded-for': '192.0.2.1, 192.0.2.7' },
  );
});

test('the head of an answer comes back byte by byte', async () => {
  const client = new Slow();
  const calls: RelayedCall[] = [];
  const joined = relayUpgrade(switching(client), upstreamOf(calls), '/');
  const other = new Connection();
  calls[0]?.emit(
    'upgrade',
    { statusCode: 101, statusMessage: 'Switching Protocols', rawHeaders: ['X-Boat', 'canoë'] },
    other,
    Buffer.alloc(0),
  );
  client.accept();
  other.destroy();
  await joined;
  const expected = 'HTTP/1.1 101 Switching Protocols\r\nX-Boat: canoë\r\n\r\n';
  assert.equal(Buffer.concat(client.taken).toString('latin1'), expected);
});
