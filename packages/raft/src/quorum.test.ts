/** Quorum arithmetic against a twin that takes the definitions literally. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ballotResult, majority, reachedByMajority } from './quorum.ts';

/** Deterministic numbers below 7 for property-like loops. */
function numbers(seed: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => ((seed * 31 + i * i * 17 + seed * i) >>> 1) % 7);
}

/** The largest of the values such that more than half of all are at least as large. */
function naiveReached(values: readonly number[]): number {
  const reached = values.filter((v) => values.filter((other) => other >= v).length * 2 > values.length);
  return Math.max(0, ...reached);
}

/** Tries every way in which the missing votes could still fall. */
function naiveBallot(voters: readonly string[], votes: ReadonlyMap<string, boolean>): string {
  const open = voters.filter((voter) => !votes.has(voter));
  const outcomes = new Set<boolean>();
  for (let mask = 0; mask < 1 << open.length; mask += 1) {
    const granted = voters.filter((voter) => votes.get(voter) ?? ((mask >> open.indexOf(voter)) & 1) === 1);
    outcomes.add(granted.length * 2 > voters.length);
  }
  if (outcomes.size === 2) return 'pending';
  return outcomes.has(true) ? 'won' : 'lost';
}

test('any two majorities of a group, or of groups that differ by one voter, share a member', () => {
  for (let voters = 1; voters <= 9; voters += 1) {
    assert.ok(majority(voters) * 2 > voters);
    assert.ok(majority(voters) + majority(voters + 1) > voters + 1);
  }
});

test('what a majority has reached agrees with the naive twin', () => {
  for (let voters = 0; voters <= 7; voters += 1) {
    for (let seed = 0; seed < 400; seed += 1) {
      const values = numbers(seed, voters);
      assert.equal(reachedByMajority([...values]), naiveReached(values), values.join());
    }
  }
});

test('ballots agree with the naive twin that tries all missing votes', () => {
  for (let count = 1; count <= 5; count += 1) {
    const voters = Array.from({ length: count }, (_, i) => `v${i}`);
    for (let code = 0; code < 3 ** count; code += 1) {
      const votes = new Map<string, boolean>([['stranger', true]]);
      voters.forEach((voter, i) => {
        const answer = Math.floor(code / 3 ** i) % 3;
        if (answer < 2) votes.set(voter, answer === 1);
      });
      assert.equal(ballotResult(voters, votes), naiveBallot(voters, votes), `${count} voters, case ${code}`);
    }
  }
});
