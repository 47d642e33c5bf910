import assert from 'node:assert/strict';
import { test } from 'node:test';
import { episodes, sentence } from './events.ts';

const change = (due: number, took: number, late = 0) => ({ due, sent: due + late, answered: due + took });

test('changes that were slow one after the other are one episode, with what happened meanwhile', () => {
  const pause = { from: 1_000, ms: 120, what: 'the store collects everything' };
  const before = { from: 900, ms: 60, what: 'the store waits for the disk' };
  const later = { from: 5_000, ms: 30, what: 'the load collects new objects' };
  const found = episodes(
    [change(1_010, 110), change(1_050, 80), change(1_060, 20), change(3_000, 60), change(4_000, 49)],
    [later, before, pause],
    50,
  );
  assert.deepEqual(
    found.map(({ from, to, changes, slowestMs, events }) => ({ from, to, changes, slowestMs, events })),
    [
      { from: 1_010, to: 1_130, changes: 2, slowestMs: 110, events: [pause] },
      { from: 3_000, to: 3_060, changes: 1, slowestMs: 60, events: [] },
    ],
  );
});

test('what ended just before an episode belongs to it, and the longest is told first', () => {
  const disk = { from: 900, ms: 95, what: 'the store waits for the disk' };
  const turn = { from: 990, ms: 30, what: 'the API server takes a long turn' };
  const [episode] = episodes([change(1_000, 60)], [turn, disk], 50);
  assert.ok(episode);
  assert.equal(
    sentence(episode, 500),
    '0.5 s: 1 changes, the slowest 60 ms: the store waits for the disk for 95 ms; the API server takes a long turn for 30 ms',
  );
});

test('what the load itself sent late is told as such, and nothing is told of what only gathered', () => {
  const [late] = episodes([change(0, 60, 40), change(10, 60, 10)], [], 50);
  assert.ok(late);
  assert.match(sentence(late, 0), /2 changes, the slowest 60 ms: 1 of them sent late by the load itself$/);
  const [plain] = episodes([change(0, 60)], [], 50);
  assert.ok(plain);
  assert.match(sentence(plain, 0), /nothing but what had gathered$/);
});
