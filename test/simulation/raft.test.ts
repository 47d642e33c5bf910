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
const count = one === undefined ? Number(process.env['SIMULATION_SEEDS'] ?? '200') : 1;

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
    sum.commits > 20 * count && sum.reads > 5 * count && sum.elections > 2 * count,
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

/** Each must be found within SEEDS seeds of the default mix. */
const SEEDS = 800;
const known: readonly Mutation[] = [
  'vote-twice',
  'vote-without-log-check',
  'ack-before-persist',
  'vote-before-persist',
  'commit-old-term',
  'read-without-quorum',
  'read-before-own-term',
  'keep-conflicts',
  'witness-stays',
  'witness-forgets',
];

for (const mutation of known) {
  test(`the known bug ${mutation} is found`, (t) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      try {
        run({ seed, turns: TURNS, mutations: [mutation] });
      } catch (error) {
        t.diagnostic(error instanceof Error ? error.message : String(error));
        return;
      }
    }
    assert.fail(`${mutation} survived ${SEEDS} seeds`);
  });
}
