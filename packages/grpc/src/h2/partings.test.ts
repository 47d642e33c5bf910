import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Partings } from './partings.ts';

/** What is reset, and a clock that goes only when it is told to. */
function waiting(t: TestContext, patienceMs: number, most: number) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const reset: number[] = [];
  let now = 0;
  const partings = new Partings(
    patienceMs,
    most,
    (id) => reset.push(id),
    () => now,
  );
  const pass = (ms: number): void => {
    for (const end = now + ms; now < end; now++) t.mock.timers.tick(1);
  };
  return { partings, reset, pass };
}

test('who does not end its stream in time has it reset, in the order of the answers', (t) => {
  const { partings, reset, pass } = waiting(t, 40, 10);
  partings.add(1);
  pass(20);
  partings.add(3);
  partings.add(5);
  partings.delete(3);
  pass(19);
  assert.deepEqual(reset, []);
  pass(20);
  assert.deepEqual(reset, [1]);
  pass(20);
  assert.deepEqual(reset, [1, 5]);
});

test('beyond the bound the oldest is reset at once, and nothing after the end', (t) => {
  const { partings, reset, pass } = waiting(t, 10, 2);
  for (const id of [1, 3, 5, 7]) partings.add(id);
  assert.deepEqual(reset, [1, 3]);
  partings.stop();
  pass(20);
  assert.deepEqual(reset, [1, 3]);
});
