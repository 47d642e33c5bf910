import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registry } from '../registry.ts';
import { validate } from '../validation.ts';

test('twice as many resources of a limit range take twice as many looks at them', () => {
  const info = registry.lookup('', 'v1', 'limitranges');
  assert.ok(info);
  const looks = (count: number): number => {
    let reads = 0;
    const amounts = Object.fromEntries(Array.from({ length: count }, (_, i) => [`example.com/r${i}`, '1']));
    const counted = {};
    for (const name of Object.keys(amounts))
      Object.defineProperty(counted, name, { enumerable: true, get: () => (reads++, '1') });
    const limits = [{ type: 'Container', default: amounts, defaultRequest: counted }];
    validate(info, { metadata: { name: 'l', namespace: 'd' }, spec: { limits } }, undefined, '');
    return reads;
  };
  assert.equal(looks(40), 2 * looks(20));
});
