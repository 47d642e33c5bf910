import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShortList, offered } from './list-fields.ts';
import { parseAccept } from './media.ts';

test('of what is offered the first items count, however many there are', () => {
  assert.deepEqual(offered('a, b;q=1,'), ['a', ' b;q=1', '']);
  assert.equal(offered(','.repeat(1 << 20)).length, 256);
  assert.equal(parseAccept('a/b;c=d,'.repeat(100_000)).length, 256);
  const [range] = parseAccept(`a/b${';c=d;e=f'.repeat(100_000)};last=g`);
  assert.deepEqual([...(range?.parameters.keys() ?? [])], ['c', 'e']);
  assert.deepEqual(parseAccept('a/b/c, a/b;c=d=e'), [
    { type: 'a', subtype: 'b', parameters: new Map(), quality: 1 },
  ]);
});

test('a list is short up to 64 KiB', () => {
  assert.ok(isShortList('x'.repeat(64 * 1024)));
  assert.ok(!isShortList('x'.repeat(64 * 1024 + 1)));
});
