import assert from 'node:assert/strict';
import { test } from 'node:test';
import { originOf, sourcesOf } from './origin.ts';

test('an address of IPv4 is one, whatever the socket listens on', () => {
  assert.equal(originOf({ remoteAddress: '::ffff:192.0.2.7' }), '192.0.2.7');
  assert.equal(originOf({ remoteAddress: '2001:db8::7' }), '2001:db8::7');
  assert.equal(originOf({}), undefined);
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
