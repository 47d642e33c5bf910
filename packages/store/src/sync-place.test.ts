import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextPlace, type SyncPlace, unknownDisk } from './sync-place.ts';

const runs: readonly {
  readonly name: string;
  /** Milliseconds of a sync, and how many of them come one after another. */
  readonly syncs: readonly (readonly [ms: number, times: number])[];
  readonly ends: SyncPlace['place'];
}[] = [
  { name: 'a disk that is not known', syncs: [], ends: 'own thread' },
  { name: 'some quick syncs', syncs: [[0.1, 90]], ends: 'own thread' },
  { name: 'many quick syncs', syncs: [[0.1, 110]], ends: 'main thread' },
  { name: 'a slow disk', syncs: [[1.5, 100_000]], ends: 'own thread' },
  {
    name: 'a stall',
    syncs: [
      [0.1, 1_000],
      [2_000, 1],
    ],
    ends: 'own thread',
  },
  {
    name: 'a stall, and not long after it',
    syncs: [
      [0.1, 1_000],
      [2_000, 1],
      [0.1, 190],
    ],
    ends: 'own thread',
  },
  {
    name: 'a stall, and long after it',
    syncs: [
      [0.1, 1_000],
      [2_000, 1],
      [0.1, 210],
    ],
    ends: 'main thread',
  },
  {
    name: 'a disk that becomes slow, though it never stalls',
    syncs: [
      [0.1, 1_000],
      [2, 40],
    ],
    ends: 'own thread',
  },
  {
    name: 'a late one now and then',
    syncs: Array.from({ length: 1_000 }, () => [[0.1, 100] as const, [4, 1] as const]).flat(),
    ends: 'main thread',
  },
  {
    name: 'as much of late as of quick ones',
    syncs: Array.from({ length: 1_000 }, () => [[0.1, 1] as const, [2.2, 1] as const]).flat(),
    ends: 'own thread',
  },
];

function after(syncs: (typeof runs)[number]['syncs'], from = unknownDisk): SyncPlace {
  let state = from;
  for (const [ms, times] of syncs) for (let i = 0; i < times; i++) state = nextPlace(state, ms);
  return state;
}

for (const { name, syncs, ends } of runs)
  test(`after ${name} the log is written by ${ends === 'own thread' ? 'its own' : 'the main'} thread`, () => {
    assert.equal(after(syncs).place, ends);
  });

test('each stall that hits the main thread makes the way back longer, up to a bound, and a long good time shorter', () => {
  const quickOnesUntilBack = (from: SyncPlace): [number, SyncPlace] => {
    let state = from;
    for (let n = 0; n < 10_000; n++) {
      if (state.place === 'main thread') return [n, state];
      state = nextPlace(state, 0.1);
    }
    return [Infinity, state];
  };
  const waits: number[] = [];
  let state = after([[0.1, 1_000]]);
  for (let i = 0; i < 8; i++) {
    const [n, back] = quickOnesUntilBack(nextPlace(state, 600_000));
    waits.push(n);
    state = back;
  }
  for (const [i, n] of waits.entries()) if (i > 0) assert.ok(n >= (waits[i - 1] ?? 0), waits.join());
  assert.ok((waits[1] ?? 0) > 1.5 * (waits[0] ?? Infinity), waits.join());
  assert.ok((waits.at(-1) ?? Infinity) <= 7_000, waits.join());
  const [n] = quickOnesUntilBack(nextPlace(after([[0.1, 100_000]], state), 600_000));
  assert.equal(n, waits[0]);
});

test('stalls of a disk that others wait for do not count for ever', () => {
  const state = after([[600_000, 50]]);
  assert.equal(after([[0.1, 250]], state).place, 'main thread');
});
