import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultLimits } from './limits.ts';
import { RecentStreams } from './recent-streams.ts';
import { Watchdog } from './watchdog.ts';

const idle = { handed: 0, backlog: 0, midway: false };
const { handshakeMs, keepaliveMs, keepaliveTimeoutMs, stallMs } = defaultLimits;

test('a silent peer is asked once, and gone when it does not answer', () => {
  const dog = new Watchdog(defaultLimits, 0);
  assert.equal(dog.check(keepaliveMs, idle), 'fine');
  assert.equal(dog.check(keepaliveMs + 1, idle), 'ask');
  assert.equal(dog.check(keepaliveMs + 2, idle), 'fine');
  dog.heard(keepaliveMs + 3);
  assert.equal(dog.check(keepaliveMs + keepaliveTimeoutMs + 3, idle), 'fine');
  assert.equal(dog.check(2 * keepaliveMs + 4, idle), 'ask');
  assert.equal(dog.check(2 * keepaliveMs + keepaliveTimeoutMs + 5, idle), 'dead');
});

test('a peer that takes a little now and then is slow, one that takes nothing is gone', () => {
  const dog = new Watchdog(defaultLimits, 0);
  for (let i = 1; i < 10; i++) {
    dog.heard(i * stallMs);
    assert.equal(dog.check(i * stallMs, { handed: 10_000, backlog: 9_000 - i, midway: false }), 'fine');
  }
  dog.heard(10 * stallMs);
  assert.equal(dog.check(10 * stallMs + 1, { handed: 10_000, backlog: 8_991, midway: false }), 'dead');
});

test('a peer that trickles the beginning of something does not gain time by it', () => {
  const dog = new Watchdog(defaultLimits, 0);
  dog.heard(handshakeMs);
  assert.equal(dog.check(handshakeMs, { ...idle, midway: true }), 'fine');
  assert.equal(dog.check(handshakeMs + 1, { ...idle, midway: true }), 'dead');
});

test('only so many ended streams are remembered, the latest', () => {
  const recent = new RecentStreams(2);
  for (const id of [1, 3, 5]) recent.add(id);
  assert.deepEqual(
    [1, 3, 5].map((id) => recent.has(id)),
    [false, true, true],
  );
});
