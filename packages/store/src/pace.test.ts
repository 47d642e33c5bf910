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

/** Late turns count after a start; a leader's do. */
function leading(): { pace: Pace; now: number } {
  const pace = new Pace(options);
  const now = quiet(pace, 0, 2_100);
  pace.asked(1, now);
  pace.answered(1, now);
  return { pace, now };
}

test('what a leader is late with, and a follower waits for, stretches it, up to the ceiling', () => {
  const delays: readonly (readonly [what: string, delay: (pace: Pace, now: number) => number])[] = [
    ['a late turn of a leader', (_pace, now) => now + 100],
    [
      'a gap between heartbeats',
      (pace, now) => {
        pace.heard('a', 1, now, 0);
        const later = quiet(pace, now, 150);
        pace.heard('a', 1, later, 0);
        return later;
      },
    ],
    [
      'a majority that answers late',
      (pace, now) => {
        const asked = quiet(pace, now, 50);
        pace.asked(2, asked);
        // Asked meanwhile, and answered together.
        pace.asked(3, quiet(pace, asked, 50));
        const later = quiet(pace, asked + 50, 50);
        pace.answered(3, later);
        return later;
      },
    ],
    [
      'what the leader measured',
      (pace, now) => {
        pace.heard('a', 1, now, 100);
        return now;
      },
    ],
  ];
  for (const [what, delay] of delays) {
    const { pace, now: from } = leading();
    const now = delay(pace, from);
    pace.tick(now);
    assert.ok(pace.electionMs >= 400 && pace.electionMs < 900, `${what}: ${pace.electionMs}`);
  }
  const { pace, now } = leading();
  pace.tick(now + 100);
  pace.tick(now + 2_100);
  assert.equal(pace.electionMs, 1500);
});

test('late turns of a follower, of a start, and one slow member of three leave it alone', () => {
  const { pace: follower, now } = leading();
  follower.heard('a', 1, now, 0);
  follower.tick(now + 500);
  assert.equal(follower.electionMs, 300);
  // It is told when it leads, because then the others wait for it.
  follower.asked(1, now + 525);
  assert.ok(follower.delayMs > 200, `${follower.delayMs}`);

  const starting = new Pace(options);
  starting.tick(0);
  starting.asked(1, 0);
  starting.answered(1, 5);
  starting.tick(1_900);
  assert.equal(starting.electionMs, 300);

  const { pace: leader, now: asked } = leading();
  leader.asked(2, asked + 50);
  leader.answered(2, asked + 51);
  // The third's answer comes now, and proves nothing new.
  leader.answered(2, asked + 251);
  leader.tick(asked + 25);
  assert.equal(leader.electionMs, 300);
});

test('rounds of a new term are measured though their numbers begin anew', () => {
  const { pace, now } = leading();
  pace.asked(900, now + 50);
  const later = quiet(pace, now, 200);
  pace.asked(1, later);
  pace.answered(1, quiet(pace, later, 150));
  assert.ok(pace.delayMs >= 80, `${pace.delayMs}`);
});

test('it falls again when nothing was late for a while, and only after every longer promise is over', () => {
  const { pace, now: from } = leading();
  let now = from + 1_000;
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
  pace.asked(1, now);
  pace.tick(now + 60_000);
  assert.equal(pace.electionMs, 300);
});
