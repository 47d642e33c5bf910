import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PasswordWork } from './passwords.ts';

test('few passwords are worked on at a time, some wait, and more are refused', async () => {
  const work = new PasswordWork({ atOnce: 2, waiting: 3 });
  const running: (() => void)[] = [];
  let most = 0;
  const task = (): Promise<string> =>
    work.do(async () => {
      await new Promise<void>((resolve) => {
        running.push(resolve);
        most = Math.max(most, running.length);
      });
      return 'done';
    });
  const tasks = Array.from({ length: 5 }, () => task());
  await assert.rejects(task(), /too many requests/);
  for (let finished = 0; finished < 5;) {
    const release = running.shift();
    if (release === undefined) await new Promise((resolve) => setImmediate(resolve));
    else {
      finished++;
      release();
    }
  }
  assert.deepEqual(await Promise.all(tasks), Array(5).fill('done'));
  assert.equal(most, 2);
  assert.equal(await work.do(() => Promise.resolve('free again')), 'free again');
});

test('work that fails makes room for the next', async () => {
  const work = new PasswordWork({ atOnce: 1, waiting: 1 });
  const failing = work.do(() => Promise.reject(new Error('no')));
  const next = work.do(() => Promise.resolve('yes'));
  await assert.rejects(failing, /no/);
  assert.equal(await next, 'yes');
});
