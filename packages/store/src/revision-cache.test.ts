import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RevisionCache } from './revision-cache.ts';

test('the cache stays within its bound and keeps what is read', () => {
  const cache = new RevisionCache<string>(100, (value) => value.length);
  cache.set(1, 'read all the time');
  for (let revision = 2; revision < 1_000; revision++) {
    cache.set(revision, '0123456789');
    assert.equal(cache.get(1), 'read all the time');
    // One value may be over the half that turns the generations.
    assert.ok(cache.size <= 100 + 2 * 17, `${cache.size} bytes`);
  }
  assert.equal(cache.get(999), '0123456789');
  assert.equal(cache.get(2), undefined);
});

test('what is deleted or replaced is not found again, and its bytes are given back', () => {
  const cache = new RevisionCache<string>(20, (value) => value.length);
  cache.set(1, 'one');
  cache.set(2, 'a value that turns the generations');
  assert.equal(cache.get(1), 'one');
  cache.delete(1);
  cache.delete(2);
  cache.delete(3);
  assert.equal(cache.get(1), undefined);
  assert.equal(cache.size, 0);
  cache.set(4, 'four');
  cache.set(4, 'iv');
  assert.equal(cache.get(4), 'iv');
  assert.equal(cache.size, 2);
});
