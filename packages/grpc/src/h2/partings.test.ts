import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Partings } from './partings.ts';

test('who does not end its stream in time has it reset, in the order of the answers', async () => {
  const reset: number[] = [];
  const partings = new Partings(40, 10, (id) => reset.push(id));
  partings.add(1);
  await pause(20);
  partings.add(3);
  partings.add(5);
  partings.delete(3);
  assert.deepEqual(reset, []);
  await pause(30);
  assert.deepEqual(reset, [1]);
  await pause(30);
  assert.deepEqual(reset, [1, 5]);
});

test('beyond the bound the oldest is reset at once, and nothing after the end', async () => {
  const reset: number[] = [];
  const partings = new Partings(10, 2, (id) => reset.push(id));
  for (const id of [1, 3, 5, 7]) partings.add(id);
  assert.deepEqual(reset, [1, 3]);
  partings.stop();
  await pause(20);
  assert.deepEqual(reset, [1, 3]);
});
