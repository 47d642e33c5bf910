import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recover } from './recover.ts';

test('a log without entries that counts on a later state than there is is not taken for a whole one', () => {
  const configuration = { voters: ['a'], learners: [] };
  const hardState = { term: 2, vote: null, commit: 9 };
  const snapshot = { index: 9, term: 2, configuration };
  const content = { hardState, snapshot, entries: [], empty: false };
  assert.throws(
    () => recover(content, { index: 5, term: 1 }, configuration),
    /the log counts on a state at 9, but the state ends at 5: part of the data directory is missing/,
  );
  assert.equal(recover(content, { index: 9, term: 2 }, configuration).log.lastIndex(), 9);
});
