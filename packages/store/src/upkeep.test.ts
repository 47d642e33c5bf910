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
