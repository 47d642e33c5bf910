import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { RepeatedWork } from './repeated-work.ts';
import { until } from './testing/harness.ts';

/** Work whose every time the test ends by hand. */
function start(t: TestContext): {
  work: RepeatedWork;
  ends: PromiseWithResolvers<void>[];
  errors: unknown[];
} {
  const ends: PromiseWithResolvers<void>[] = [];
  const errors: unknown[] = [];
  const work = new RepeatedWork({
    work: () => {
      const end = Promise.withResolvers<void>();
      ends.push(end);
      return end.promise;
    },
    settleMs: 5,
    retryMs: 5,
    onError: (error) => errors.push(error),
  });
  t.after(() => work.stop());
  return { work, ends, errors };
}

test('what changes while the work is under way brings about another time, after the first', async (t) => {
  const { work, ends } = start(t);
  work.changed();
  const begun = work.begin();
  assert.equal(ends.length, 1, 'changes before the beginning are part of it');
  work.changed();
  work.changed();
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(ends.length, 1, 'two times never overlap');
  ends[0]?.resolve();
  await begun;
  await until(() => ends.length === 2, 'the second time');
});

test('what fails is told and tried again, also the first time', async (t) => {
  const { work, ends, errors } = start(t);
  const begun = work.begin();
  ends[0]?.reject(new Error('first'));
  await assert.rejects(begun, /first/);
  await until(() => ends.length === 2, 'another try');
  ends[1]?.reject(new Error('second'));
  await until(() => errors.length === 1, 'the failure is told');
  await until(() => ends.length === 3, 'one more try');
});

test('who has stopped does nothing more, and waits only so long for work that does not end', async (t) => {
  const { work, ends } = start(t);
  void work.begin();
  work.changed();
  await work.stop();
  ends[0]?.resolve();
  work.changed();
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(ends.length, 1);
});
