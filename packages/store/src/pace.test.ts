import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from './pace.ts';

const options = { heartbeatMs: 50, floorMs: 300, ceilingMs: 1500 };

/** Ticks on time for so long. */
function quiet(pace: Pace, from: number, ms: number): number {
  let now = from;
  for (; now < from + ms; now += pace.tickMs) pace.tick(now);
  return now;
}

test('the timeout is the floor while everything is on time', () => {
  const pace = new Pace(options);
  let now = quiet(pace, 0, 100);
  for (let i = 0; i < 100; i++) {
    pace.heard('a', 1, now, 0);
    now = quiet(pace, now, 50);
  }
  assert.equal(pace.electionMs, 300);
  assert.ok(pace.promiseMs < 300 && pace.promiseMs > 250, `${pace.promiseMs}`);
});

test('late turns, gaps between heartbeats, round trips and what the leader measured stretch it, up to the ceiling', () => {
  const delays: ((pace: Pace, now: number) => number)[] = [
    (_pace, now) => now + 100,
    (pace, now) => {
      pace.heard('a', 1, now, 0);
      const later = quiet(pace, now, 150);
      pace.heard('a', 1, later, 0);
      return later;
    },
    (pace, now) => {
      pace.asked(1, now);
      const later = quiet(pace, now, 100);
      pace.answered(1, later);
      return later;
    },
    (pace, now) => {
      pace.heard('a', 1, now, 100);
      return now;
    },
  ];
  for (const [i, delay] of delays.entries()) {
    const pace = new Pace(options);
    const now = delay(pace, quiet(pace, 0, 100));
    pace.tick(now);
    assert.ok(pace.electionMs >= 400 && pace.electionMs < 900, `delay ${i}: ${pace.electionMs}`);
    pace.tick(now + 1_000);
    assert.equal(pace.electionMs, 1500, `delay ${i}`);
  }
});

test('it falls again when nothing was late for a while, and only after every longer promise is over', () => {
  const pace = new Pace(options);
  let now = quiet(pace, 0, 100) + 1_000;
  pace.tick(now);
  assert.equal(pace.electionMs, 1500);
  let longUntil = 0;
  for (let i = 0; i < 2_000 && pace.electionMs > 300; i++) {
    now += pace.tickMs;
    // A promise is given with every answer.
    if (pace.promiseMs > 300) longUntil = now + pace.promiseMs;
    pace.tick(now);
    if (now < longUntil) assert.equal(pace.electionMs, 1500);
  }
  assert.equal(pace.electionMs, 300);
});

test('a process that was stopped for long and another leader say nothing about delays', () => {
  const pace = new Pace(options);
  let now = quiet(pace, 0, 100);
  pace.heard('a', 1, now, 0);
  now = quiet(pace, now, 700);
  pace.heard('b', 2, now, 0);
  pace.tick(now + 60_000);
  assert.equal(pace.electionMs, 300);
});
