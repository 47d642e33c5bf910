import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SnapshotHolds } from './snapshot-holds.ts';

test('the log behind a state stays while the state is on its way, and until its taker has caught up', () => {
  let now = 0;
  const holds = new SnapshotHolds(() => now);
  const match = new Map<string, number>();
  const releasable = (caughtUp: number): number => holds.releasable((id) => match.get(id), caughtUp);
  assert.equal(releasable(100), Infinity);
  holds.sending('b', 90);
  holds.sending('b', 100);
  holds.sending('c', 120);
  now += 3_600_000;
  assert.equal(releasable(500), 100, 'however long it takes');
  holds.sent('b', true);
  match.set('b', 0);
  assert.equal(releasable(600), 100, 'it has not said yet how far it is');
  match.set('b', 250);
  assert.equal(releasable(700), 120);
  holds.sent('c', false);
  assert.equal(releasable(800), 250, 'who did not get it will be sent a newer one');
  match.set('b', 800);
  assert.equal(releasable(800), Infinity);
});

test('nothing is kept for a member that stands still, is unknown or was removed', () => {
  let now = 0;
  const holds = new SnapshotHolds(() => now);
  const match = new Map([['b', 10]]);
  const releasable = (): number => holds.releasable((id) => match.get(id), 1_000);
  holds.sending('b', 5);
  holds.sent('b', true);
  assert.equal(releasable(), 10);
  now += 50_000;
  match.set('b', 20);
  assert.equal(releasable(), 20, 'it gets on, if slowly');
  now += 59_000;
  assert.equal(releasable(), 20);
  now += 2_000;
  assert.equal(releasable(), Infinity);
  holds.sending('b', 30);
  holds.sent('b', true);
  match.delete('b');
  assert.equal(releasable(), Infinity);
});
