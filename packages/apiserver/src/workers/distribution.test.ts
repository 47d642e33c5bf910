import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseWorker, type WorkerLoad } from './distribution.ts';

const now = 10_000;

function load(connections: number, more: Partial<WorkerLoad> = {}): WorkerLoad {
  return { isOpen: true, isLoaded: true, connections, waitingSince: undefined, ...more };
}

test('the worker with the fewest connections gets the next one', () => {
  assert.equal(chooseWorker([load(3), load(1), load(2)], 0, now), 1);
});

test('equals take turns', () => {
  assert.equal(chooseWorker([load(1), load(1), load(1)], 2, now), 2);
});

test('one that has not loaded the store comes after all that have', () => {
  assert.equal(chooseWorker([load(0, { isLoaded: false }), load(900)], 0, now), 1);
  assert.equal(chooseWorker([load(0, { isLoaded: false }), load(0, { isOpen: false })], 0, now), 0);
});

test('one that does not take what it was given comes after those that do', () => {
  assert.equal(chooseWorker([load(0, { waitingSince: now - 1_500 }), load(50)], 0, now), 1);
  assert.equal(chooseWorker([load(0, { waitingSince: now - 10 }), load(50)], 0, now), 0);
});

test('with nobody open there is no choice', () => {
  assert.equal(chooseWorker([load(0, { isOpen: false })], 0, now), -1);
  assert.equal(chooseWorker([], 0, now), -1);
});
