import type { Node } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from './decide.ts';

const node = (name: string, podCIDR?: string): Node => ({
  metadata: { name },
  spec: podCIDR === undefined ? {} : { podCIDR, podCIDRs: [podCIDR] },
});

test('nodes without a range get the first free ones, in order of name', () => {
  const nodes = [node('c'), node('b'), node('a', '10.244.1.0/24')];
  assert.deepEqual(decide(nodes, '10.244.0.0/16', 24).assignments, [
    { node: 'b', podCidr: '10.244.0.0/24' },
    { node: 'c', podCidr: '10.244.2.0/24' },
  ]);
});

test('a range of another size takes every range it overlaps', () => {
  const nodes = [node('a', '10.244.0.0/23'), node('b')];
  assert.deepEqual(decide(nodes, '10.244.0.0/16', 24).assignments, [{ node: 'b', podCidr: '10.244.2.0/24' }]);
});

test('nodes beyond the last range are named, and a wrong range is an error', () => {
  const { assignments, exhausted } = decide([node('a'), node('b'), node('c')], '10.0.0.0/23', 24);
  assert.equal(assignments.length, 2);
  assert.deepEqual(exhausted, ['c']);
  assert.throws(() => decide([], '10.0.0.0/33', 24), /"10\.0\.0\.0\/33" is not an IPv4 range/);
  assert.throws(() => decide([], '10.0.0.0/24', 16), /does not divide/);
});
