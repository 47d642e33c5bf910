import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Allocations, portKey } from './allocations.ts';

const options = { serviceRange: '10.96.0.0/16', nodePorts: { first: 30_000, last: 30_003 } };

test('a port that was given back while nobody listened is free after the next load', () => {
  const allocations = new Allocations(options);
  for (const port of [30_000, 30_001, 30_002, 30_003]) allocations.observe(portKey(port), true);
  assert.equal(allocations.freeNodePort(new Set()), undefined);
  allocations.loading('begins');
  allocations.observe(portKey(30_000), true);
  // A load that breaks off says nothing of what it has not come to.
  assert.ok(allocations.isUsed(30_003));
  allocations.loading('begins');
  for (const port of [30_000, 30_001, 30_003]) allocations.observe(portKey(port), true);
  assert.ok(allocations.isUsed(30_002), 'nothing is free before all is known');
  allocations.loading('ended');
  assert.equal(allocations.freeNodePort(new Set()), 30_002);
  assert.deepEqual(
    [30_000, 30_001, 30_003].filter((port) => !allocations.isUsed(port)),
    [],
  );
});
