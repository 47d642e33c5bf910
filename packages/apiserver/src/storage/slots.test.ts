import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slots } from './slots.ts';

test('no more run at once than there are places, in the order in which they came, whatever becomes of them', async () => {
  const slots = new Slots(3, 60_000);
  let running = 0;
  let most = 0;
  const begun: number[] = [];
  const all = await Promise.allSettled(
    Array.from({ length: 20 }, (_unused, i) =>
      slots.run(async () => {
        begun.push(i);
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        if (i % 4 === 0) throw new Error(`${i} failed`);
        return i;
      }),
    ),
  );
  assert.equal(most, 3);
  assert.deepEqual(
    begun,
    Array.from({ length: 20 }, (_unused, i) => i),
  );
  assert.equal(all.filter(({ status }) => status === 'rejected').length, 5);
  assert.equal(await slots.run(() => Promise.resolve('again')), 'again');
});

test('who waits too long is sent away, and leaves no place', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const slots = new Slots(1, 1_000);
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = slots.run(() => promise);
  const late = slots.run(() => Promise.reject(new Error('it ran')));
  t.mock.timers.tick(1_000);
  await assert.rejects(late, /too many lists of the past/);
  resolve();
  await first;
  assert.equal(await slots.run(() => Promise.resolve(1)), 1);
});
