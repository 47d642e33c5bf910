/**
 * The lease never outlives the loyalty it counts on, whatever the timeouts do meanwhile. SIMULATION_SEED=N runs that
 * one seed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LeaseMistake, LeaseRun } from './lease-cluster.ts';

const one = process.env['SIMULATION_SEED'];
const first = one === undefined ? 1 : Number(one);
const count = one === undefined ? 40 : 1;
const lifetimeMs = 40_000;

function live(seed: number, mistake?: LeaseMistake): LeaseRun {
  const run = new LeaseRun(seed, mistake);
  try {
    run.run(lifetimeMs);
  } catch (error) {
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  return run;
}

test('nobody is elected while another member holds a lease', () => {
  let elections = 0;
  let proofs = 0;
  let transfers = 0;
  for (let seed = first; seed < first + count; seed += 1) {
    const run = live(seed);
    elections += run.elections;
    proofs += run.proofs;
    transfers += run.transfers;
  }
  // The runs must have been about something.
  assert.ok(
    elections > 3 * count && proofs > 100 * count && transfers > 3 * count,
    `${elections} elections, ${proofs} proofs, ${transfers} transfers`,
  );
});

for (const mistake of [
  'fixed-length',
  'no-abstention',
  'absolved-by-anyone',
  'late-transfer',
  'unrecorded',
  'lower-at-once',
] as const) {
  test(`the known mistake ${mistake} is found`, (t) => {
    for (let seed = 1; seed <= 3000; seed += 1) {
      try {
        live(seed, mistake);
      } catch (error) {
        t.diagnostic(error instanceof Error ? error.message : String(error));
        return;
      }
    }
    assert.fail(`${mistake} survived`);
  });
}
