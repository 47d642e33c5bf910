import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Delays } from './delays.ts';

test('a delay that came once counts for less than one that came again', () => {
  const delays = new Delays();
  delays.pass(0);
  assert.equal(delays.counted, 0);
  delays.note(100, 1_000);
  assert.equal(delays.counted, 60);
  delays.note(80, 3_000);
  assert.equal(delays.counted, 80);
  delays.note(300, 5_000);
  assert.equal(delays.counted, 180);
  delays.note(200, 7_000);
  assert.equal(delays.counted, 200);
});

test('what one stall makes late is one delay', () => {
  const delays = new Delays();
  delays.pass(0);
  for (const [ms, at] of [
    [100, 1_000],
    [90, 1_010],
    [200, 1_200],
  ] as const)
    delays.note(ms, at);
  assert.equal(delays.counted, 120);
});

test('delays are forgotten after one to two windows', () => {
  const delays = new Delays();
  delays.pass(0);
  delays.note(100, 5_000);
  delays.note(100, 9_000);
  delays.pass(10_000);
  assert.equal(delays.counted, 100);
  delays.note(50, 12_000);
  delays.pass(19_999);
  assert.equal(delays.counted, 100);
  delays.pass(20_000);
  assert.equal(delays.counted, 30);
  delays.pass(30_000);
  assert.equal(delays.counted, 0);
});
