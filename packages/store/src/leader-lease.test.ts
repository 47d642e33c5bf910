import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaderLease } from './leader-lease.ts';

test('a lease is the shortest promise in the majority that answered the round', () => {
  const lease = new LeaderLease();
  const voters = ['a', 'b', 'c', 'd', 'e'];
  lease.answered('b', 7, 900);
  lease.answered('c', 7, 300);
  lease.answered('d', 6, 1500);
  assert.equal(lease.provenMs(7, voters, 'a', 0), 300);
  lease.answered('e', 8, 500);
  assert.equal(lease.provenMs(7, voters, 'a', 0), 500);
});

test('nothing is proven without a majority, and by answers of learners or of another term', () => {
  const lease = new LeaderLease();
  lease.answered('learner', 7, 900);
  assert.equal(lease.provenMs(7, ['a', 'b', 'c'], 'a', 500), 0);
  lease.answered('b', 7, 900);
  lease.reset();
  assert.equal(lease.provenMs(7, ['a', 'b', 'c'], 'a', 500), 0);
  assert.equal(lease.provenMs(7, ['a'], 'a', 500), 500);
});
