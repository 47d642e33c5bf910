import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './clock.ts';
import { Proposals } from './proposals.ts';

const put = {
  key: Buffer.from('k'),
  value: Buffer.from('v'),
  lease: 0n,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
};

test('a refusal that arrives after the batch was submitted to the next leader changes nothing', async () => {
  let term = 1;
  const submitted: number[] = [];
  const proposals = new Proposals({
    timeoutMs: 1_000,
    limit: 10,
    clock: systemClock,
    submit: () => {
      submitted.push(term);
      return term;
    },
  });
  const answer = proposals.propose({ put }, 10);
  await new Promise((resolve) => setImmediate(resolve));
  term = 2;
  proposals.termBegan(2);
  assert.deepEqual(submitted, [1, 2]);
  proposals.refused(1, 1);
  proposals.retry();
  assert.deepEqual(submitted, [1, 2]);
  proposals.refused(1, 2);
  proposals.retry();
  assert.deepEqual(submitted, [1, 2, 2]);
  proposals.applied(1, { revision: 5 });
  assert.deepEqual(await answer, { revision: 5 });
});
