import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LongRunning } from './long-running.ts';

test('no more are held than may be, and those that are refused take no place', () => {
  const long = new LongRunning(2);
  let refused = 0;
  const hold = (): (() => void) => long.hold(() => refused++);
  const leave = hold();
  hold();
  for (let i = 0; i < 3; i++) assert.throws(hold, { name: 'StatusError', code: 429 });
  assert.equal(refused, 3);
  leave();
  hold();
  assert.throws(hold, { code: 429 });
});
