import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkQueue } from './work-queue.ts';

test('a key added many times while it waits is processed once', async () => {
  const seen: string[] = [];
  const done = Promise.withResolvers<void>();
  const queue = new WorkQueue({
    name: 't',
    concurrency: 1,
    process: async (key) => {
      await Promise.resolve();
      seen.push(key);
      if (key === 'last') done.resolve();
    },
  });
  for (const key of ['first', 'a', 'a', 'a', 'last']) queue.add(key);
  await done.promise;
  assert.deepEqual(seen, ['first', 'a', 'last']);
  await queue.stop();
});

test('a key added while it is processed is processed once more, never at the same time', async () => {
  let running = 0;
  let runs = 0;
  const done = Promise.withResolvers<void>();
  const queue = new WorkQueue({
    name: 't',
    concurrency: 4,
    process: async () => {
      running += 1;
      assert.equal(running, 1);
      runs += 1;
      if (runs === 1) for (let i = 0; i < 3; i++) queue.add('a');
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      if (runs === 2) done.resolve();
    },
  });
  queue.add('a');
  await done.promise;
  await queue.stop();
  assert.equal(runs, 2);
});

test('a failing key is repeated with growing delays and keeps its backoff when it is added meanwhile', async () => {
  const failures: number[] = [];
  const done = Promise.withResolvers<void>();
  const queue = new WorkQueue({
    name: 't',
    concurrency: 1,
    baseDelayMs: 1,
    process: () => {
      if (failures.length < 3) return Promise.reject(new Error('no'));
      done.resolve();
      return Promise.resolve();
    },
    onError: (key, _error, count) => {
      failures.push(count);
      queue.add(key);
    },
  });
  queue.add('a');
  await done.promise;
  assert.deepEqual(failures, [1, 2, 3]);
  await queue.stop();
});

test('a key that asks to be called again is, and stopping drops what waits', async () => {
  let runs = 0;
  const twice = Promise.withResolvers<void>();
  const queue = new WorkQueue({
    name: 't',
    concurrency: 1,
    process: () => {
      runs += 1;
      if (runs === 2) twice.resolve();
      return Promise.resolve({ againAfterMs: 1 });
    },
  });
  queue.add('a');
  await twice.promise;
  await queue.stop();
  const before = runs;
  queue.add('a');
  assert.equal(queue.depth, 0);
  assert.equal(runs, before);
});
