import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Masters } from './masters.ts';

test('a master is known by its address, however that is written, and nobody by what is none', () => {
  const masters = new Masters(['10.0.0.1', 'fd00:0::1', '::ffff:10.0.0.2', 'master-3', '']);
  for (const address of [
    '10.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    'fd00::1',
    'fd00:0:0::0001',
    '10.0.0.2',
  ])
    assert.ok(masters.has(address), address);
  for (const address of ['10.0.0.3', '::ffff:10.0.0.3', 'fd00::2', 'master-3', '', '::1'])
    assert.ok(!masters.has(address), address);
});
