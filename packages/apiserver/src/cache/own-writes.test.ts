import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoredObject } from '../storage/stored-object.ts';
import { OwnWrites } from './own-writes.ts';

function object(key: string, revision: number): StoredObject {
  return new StoredObject(key, Buffer.from('{}'), revision, 1);
}

test('an own write is found once, by its key and revision', () => {
  const writes = new OwnWrites();
  const written = object('/a', 7);
  writes.add(written);
  assert.equal(writes.take('/b', 7), undefined);
  assert.equal(writes.take('/a', 7), written);
  assert.equal(writes.take('/a', 7), undefined);
});

test('an event before the write leaves it, one after it makes it be forgotten', () => {
  const writes = new OwnWrites();
  const written = object('/a', 7);
  writes.add(written);
  assert.equal(writes.take('/a', 6), undefined);
  assert.equal(writes.take('/a', 7), written);
  writes.add(written);
  assert.equal(writes.take('/a', 8), undefined);
  assert.equal(writes.take('/a', 7), undefined);
});

test('answers that come out of order leave the newest write, and what waits is bounded', () => {
  const writes = new OwnWrites();
  const newest = object('/a', 9);
  writes.add(newest);
  writes.add(object('/a', 8));
  assert.equal(writes.take('/a', 9), newest);
  for (let i = 0; i < 2_000; i++) writes.add(object(`/${i}`, 100 + i));
  assert.equal(writes.take('/0', 100), undefined);
  assert.notEqual(writes.take('/1999', 2_099), undefined);
  writes.clear();
  assert.equal(writes.take('/1998', 2_098), undefined);
});
