/**
 * The Raft core under the default mix of faults. SIMULATION_SEED=N runs that one seed; SIMULATION_SEEDS=N that many.
 * A checker that cannot fail proves nothing: every known bug, switched on in the real code, must be found.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Mutation } from '@timonier/raft';
import { run } from './cluster.ts';

const TURNS = 12_000;
const one = process.env['SIMULATION_SEED'];
const first = one === undefined ? 1 : Number(one);
const count = one === undefined ? Number(process.env['SIMULATION_SEEDS'] ?? '60') : 1;

test('no seed breaks an invariant or linearizability', () => {
  const sum = { commits: 0, reads: 0, elections: 0 };
  for (let seed = first; seed < first + count; seed += 1) {
    const { commits, reads, elections } = run({ seed, turns: TURNS });
    sum.commits += commits;
    sum.reads += reads;
    sum.elections += elections;
  }
  if (one !== undefined) return;
  // The runs must have been about something.
  assert.ok(
    sum.commits > 50 * count && sum.reads > 5 * count && sum.elections > 2 * count,
    JSON.stringify(sum),
  );
});

test('a seed replays exactly', () => {
  const summary = (): string => {
    const { commits, reads, elections, floor } = run({ seed: 7, turns: TURNS });
    return JSON.stringify({ commits, reads, elections, floor });
  };
  assert.equal(summary(), summary());
});

/** Each known bug with the number of seeds within which it must be found. */
const known: Record<Mutation, number> = {
  'vote-twice': 100,
  'vote-without-log-check': 100,
  'ack-before-persist': 200,
  'vote-before-persist': 400,
  'commit-old-term': 400,
  'read-without-quorum': 100,
  'read-before-own-term': 200,
  'keep-conflicts': 100,
};

for (const [mutation, seeds] of Object.entries(known)) {
  test(`the known bug ${mutation} is found`, (t) => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      try {
        run({ seed, turns: TURNS, mutations: [mutation as Mutation] });
      } catch (error) {
        t.diagnostic(error instanceof Error ? error.message : String(error));
        return;
      }
    }
    assert.fail(`${mutation} survived ${seeds} seeds`);
  });
}
