import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noBugs } from './known-bugs.ts';
import { Upkeep, type UpkeepOptions } from './upkeep.ts';

/** Upkeep of a member that is looked after every second. Says at which of them the state was written down. */
async function flushesAt(entriesPerSecond: readonly number[]): Promise<number[]> {
  let second = 0;
  const flushed: number[] = [];
  const machine = { appliedIndex: 0, flushed: { index: 0, term: 1 } };
  const upkeep = new Upkeep({
    host: () => ({
      durableIndex: machine.appliedIndex,
      status: { progress: new Map() },
      compact: () => undefined,
    }),
    machine: Object.assign(machine, {
      flush: () => {
        if (machine.flushed.index < machine.appliedIndex) flushed.push(second);
        machine.flushed = { index: machine.appliedIndex, term: 1 };
        return Promise.resolve();
      },
    }),
    disk: { isBroken: false },
    quota: { hasReserve: true, measured: () => undefined },
    used: () => 0,
    clock: { now: () => second * 1_000 },
    metrics: () => undefined,
    bugs: noBugs,
    failed: (error: Error) => assert.fail(error),
  } as unknown as UpkeepOptions);
  for (const entries of entriesPerSecond) {
    second += 1;
    machine.appliedIndex += entries;
    await upkeep.tend();
  }
  return flushed;
}

test('a state that changes little is written down every second, and one under load every five', async () => {
  assert.deepEqual(await flushesAt([0, 10, 10, 0, 10]), [2, 3, 5]);
  assert.deepEqual(await flushesAt([10, ...Array.from({ length: 11 }, () => 1_000)]), [1, 6, 11]);
});

test('what a load left is written down once it is over', async () => {
  assert.deepEqual(await flushesAt([10, 1_000, 1_000, 0, 0]), [1, 4]);
});

/** A member whose batches find no room so many times, on a disk that has room by now or has none. Says after each flush whether it is stuck. */
async function stuckAfter(failures: number, hasReserve: boolean, flushes: number): Promise<boolean[]> {
  const disk = { isBroken: false };
  const warnings: string[] = [];
  const upkeep = new Upkeep({
    host: () => ({ durableIndex: 1 }),
    machine: {
      appliedIndex: 1,
      flushed: { index: 1 },
      flush: () => {
        disk.isBroken = failures > 0;
        if (failures-- <= 0) return Promise.resolve();
        return Promise.reject(new Error('IO error: No space left on device'));
      },
    },
    disk,
    quota: { hasReserve },
    clock: { now: () => 0 },
    bugs: noBugs,
    log: { warn: (_: object, message: string) => warnings.push(message) },
    failed: (error: Error) => assert.fail(error),
  } as unknown as UpkeepOptions);
  const said: boolean[] = [];
  for (let i = 0; i < flushes; i++) {
    await upkeep.flush();
    said.push(upkeep.isStuck);
  }
  const became = said.filter((stuck, i) => stuck && said[i - 1] !== true).length;
  assert.equal(warnings.length > 0, became > 0);
  return said;
}

test('a database that speaks of a want of room that is over is asked again before the member complains', async () => {
  assert.deepEqual(await stuckAfter(1, true, 2), [false, false]);
});

test('a member whose disk takes nothing though it seems to have room complains until it does', async () => {
  assert.deepEqual(await stuckAfter(3, true, 3), [true, false, false]);
});

test('a member whose disk has no room does not try again by itself', async () => {
  assert.deepEqual(await stuckAfter(1, false, 2), [true, true]);
});
