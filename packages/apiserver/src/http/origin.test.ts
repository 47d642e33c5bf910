import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { Origins, sourcesOf, wayOf } from './origin.ts';

test('an address of IPv4 is one, whatever the socket listens on', () => {
  assert.deepEqual(wayOf({ remoteAddress: '::ffff:192.0.2.7' }), ['192.0.2.7']);
  assert.deepEqual(wayOf({ remoteAddress: '2001:db8::7' }), ['2001:db8::7']);
  assert.deepEqual(wayOf({}), []);
});

test('a request is said to come through what it says itself, and from where it came', () => {
  const from = { remoteAddress: '192.0.2.7' };
  const sources = (forwarded?: string, real?: string): string[] =>
    sourcesOf(
      {
        ...(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }),
        ...(real === undefined ? {} : { 'x-real-ip': real }),
      },
      from,
    );
  assert.deepEqual(sources(), ['192.0.2.7']);
  assert.deepEqual(sources('192.0.2.1, nonsense,2001:db8::1'), ['192.0.2.1', '2001:db8::1', '192.0.2.7']);
  assert.deepEqual(sources('192.0.2.1', '192.0.2.2'), ['192.0.2.1', '192.0.2.2', '192.0.2.7']);
  assert.deepEqual(sources('192.0.2.1', '192.0.2.1'), ['192.0.2.1', '192.0.2.7']);
  assert.deepEqual(sources('192.0.2.7'), ['192.0.2.7'], 'it is told once');
  assert.equal(sources('192.0.2.1,'.repeat(1_000)).length, 33, 'no record is as long as its client likes');
  assert.deepEqual(sources(',,192.0.2.1'), ['192.0.2.1', '192.0.2.7']);
  assert.deepEqual(sources(`192.0.2.1${',x'.repeat(63)}`), ['192.0.2.1', '192.0.2.7']);
  assert.deepEqual(
    sources(`192.0.2.1${',x'.repeat(64)}`),
    ['192.0.2.7'],
    'nor is it looked through to its end',
  );
});

/** A connection from port 1000 of 192.0.2.1, which is all that a socket is asked for here. */
function socketTo(localPort: number): Socket {
  const ends = { remoteAddress: '192.0.2.1', remotePort: 1_000, localAddress: '192.0.2.9', localPort };
  return Object.assign(new EventEmitter(), ends) as unknown as Socket;
}

test('whoever says where a client is stands behind it', () => {
  const origins = new Origins();
  origins.tell(socketTo(6_444), '192.0.2.7');
  const tls = socketTo(6_444);
  origins.recognize(tls);
  assert.deepEqual(sourcesOf({}, tls), ['192.0.2.7', '192.0.2.1']);
  assert.deepEqual(sourcesOf({ 'x-forwarded-for': '192.0.2.7' }, tls), ['192.0.2.7', '192.0.2.1']);
});

test('what is said of one connection holds for no other one from the same port', () => {
  const origins = new Origins();
  const told = socketTo(6_444);
  origins.tell(told, '192.0.2.7');
  const other = socketTo(6_443);
  origins.recognize(other);
  assert.deepEqual(wayOf(other), ['192.0.2.1']);
  told.emit('close');
  const late = socketTo(6_444);
  origins.recognize(late);
  assert.deepEqual(wayOf(late), ['192.0.2.1']);
});
