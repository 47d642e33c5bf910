import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RoundTrips } from './round-trips.ts';

test('the first answer of each member to a measured round counts, and no other', () => {
  const seen: string[] = [];
  const trips = new RoundTrips((peer, ms) => seen.push(`${peer} ${ms}`));
  trips.asked('a', 7, 1_000);
  trips.asked('b', 7, 1_000);
  // So soon after the last one nothing is measured.
  trips.asked('a', 8, 1_050);
  trips.answered('a', 7, 1_003);
  trips.answered('a', 7, 1_004);
  trips.answered('a', 8, 1_060);
  trips.asked('a', 9, 1_100);
  trips.answered('b', 7, 1_101);
  trips.answered('a', 9, 1_102);
  assert.deepEqual(seen, ['a 3', 'a 2']);
});
