import assert from 'node:assert/strict';
import { test } from 'node:test';
import { later } from './later.ts';

test('what is told late is all told, in order, to the end or to what broke it', async () => {
  const told: number[] = [];
  let came = 0;
  async function* source(end?: Error): AsyncGenerator<number> {
    for (; came < 5; came++) yield came;
    if (end !== undefined) throw end;
  }
  for await (const item of later(source(), 1)) {
    if (item === 0) assert.equal(came, 5, 'what comes next does not wait for what is late');
    told.push(item);
  }
  assert.deepEqual(told, [0, 1, 2, 3, 4]);
  came = 3;
  await assert.rejects(async () => {
    for await (const item of later(source(new Error('broken')), 1)) told.push(item);
  }, /broken/);
  assert.deepEqual(told.slice(5), [3, 4]);
});
