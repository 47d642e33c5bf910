import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiHealth } from './api-health.ts';

function watched(t: { after(end: () => void): void }) {
  const state = { now: 0, ready: true, active: true, handOvers: [] as number[] };
  const health = new ApiHealth({
    check: async () => {
      if (!state.ready) throw new Error('no');
    },
    isActive: () => state.active,
    handOver: async () => void state.handOvers.push(state.now),
    now: () => state.now,
  });
  t.after(() => health.close());
  const at = async (now: number): Promise<void> => {
    state.now = now;
    await health.look();
  };
  return { state, at };
}

test('a master whose API server stays unready hands over, and not before its patience is over', async (t) => {
  const { state, at } = watched(t);
  await at(0);
  state.ready = false;
  for (const time of [1_000, 3_000, 4_900]) await at(time);
  assert.deepEqual(state.handOvers, []);
  await at(5_100);
  assert.deepEqual(state.handOvers, [5_100]);
});

test('a moment of health starts the patience anew', async (t) => {
  const { state, at } = watched(t);
  await at(0);
  state.ready = false;
  await at(1_000);
  state.ready = true;
  await at(4_000);
  state.ready = false;
  await at(4_500);
  await at(8_000);
  assert.deepEqual(state.handOvers, []);
});

test('a fault that every master has does not make leadership wander', async (t) => {
  const { state, at } = watched(t);
  await at(0);
  state.ready = false;
  for (let time = 1_000; time <= 120_000; time += 1_000) await at(time);
  // First after the patience, then after pauses of 30 s and 60 s.
  assert.equal(state.handOvers.length, 3);
});

test('a passive master is not judged', async (t) => {
  const { state, at } = watched(t);
  await at(0);
  state.ready = false;
  state.active = false;
  for (let time = 1_000; time <= 60_000; time += 1_000) await at(time);
  assert.deepEqual(state.handOvers, []);
});
