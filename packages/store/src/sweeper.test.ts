import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StateMachine } from './state-machine.ts';
import { Sweeper } from './sweeper.ts';

/** A sweeper of `slices` slices that take so long each, and the rests before each of them. */
function sweep(slices: number, tookMs: number): { rests: number[]; flushes: number } {
  const seen = { rests: [] as number[], flushes: 0 };
  let now = 0;
  let left = slices;
  const due: (() => void)[] = [];
  const machine = {
    get state() {
      return { sweeping: left > 0 };
    },
    sweep: () => {
      left -= 1;
      now += tookMs;
      return 3 * 1024 * 1024;
    },
  } as unknown as StateMachine;
  const sweeper = new Sweeper({
    clock: {
      now: () => now,
      after: (ms, run) => {
        seen.rests.push(ms);
        due.push(() => {
          now += ms;
          run();
        });
        return () => undefined;
      },
    },
    machine,
    flush: () => (seen.flushes += 1),
  });
  sweeper.poke();
  for (let next = due.shift(); next !== undefined; next = due.shift()) next();
  return seen;
}

test('after a slice of history the sweeper rests four times as long, within bounds', () => {
  assert.deepEqual(sweep(3, 3).rests, [5, 12, 12]);
  assert.deepEqual(sweep(3, 0.5).rests, [5, 5, 5]);
  assert.deepEqual(sweep(3, 400).rests, [5, 25, 25]);
});

test('what sweeping leaves for the disk is written down before it grows large', () => {
  assert.equal(sweep(9, 1).flushes, 3);
});
