import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './clock.ts';
import { Reads } from './reads.ts';

test('a read is served right after a restart, before anything new was applied', async () => {
  const reads = new Reads({
    timeoutMs: 1_000,
    clock: systemClock,
    appliedIndex: () => 31,
    start: (context) => queueMicrotask(() => reads.ready(context, 31)),
  });
  await reads.barrier();
});

test('everyone who asks in one turn shares a round, and waits until the state has caught up', async () => {
  let applied = 1;
  let rounds = 0;
  const reads = new Reads({
    timeoutMs: 1_000,
    clock: systemClock,
    appliedIndex: () => applied,
    start: (context) => {
      rounds++;
      reads.ready(context, 5);
    },
  });
  let served = 0;
  const all = Array.from({ length: 10 }, () => reads.barrier().then(() => served++));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(rounds, 1);
  assert.equal(served, 0);
  applied = 5;
  reads.applied(5);
  await Promise.all(all);
  assert.equal(served, 10);
});

test('a rejected round is asked again, and readers fail with etcd’s timeout at their deadline', async () => {
  let now = 0;
  const reads = new Reads({
    timeoutMs: 100,
    clock: { ...systemClock, now: () => now },
    appliedIndex: () => 0,
    start: (context) => {
      now += 60;
      reads.rejected(context);
    },
  });
  // A rejected round waits on a timer that does not hold the process.
  const hold = setInterval(() => undefined, 10);
  try {
    await assert.rejects(reads.barrier(), /etcdserver: request timed out/);
  } finally {
    clearInterval(hold);
  }
});
