import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '@timonier/api';
import { planNetwork, routeChanges } from './plan.ts';

function node(name: string, podCIDR: string | undefined, address: string): Node {
  return {
    metadata: { name },
    spec: podCIDR === undefined ? {} : { podCIDR, podCIDRs: [podCIDR] },
    status: { addresses: [{ type: 'InternalIP', address }] },
  };
}

test('every other node with a range and an address gets a route, and the own range is told apart', () => {
  const nodes = [
    node('a', '10.244.0.0/24', '192.0.2.1'),
    node('b', '10.244.1.0/24', '192.0.2.2'),
    node('c', undefined, '192.0.2.3'),
  ];
  const plan = planNetwork(nodes, 'a', new Set(['192.0.2.1']));
  assert.equal(plan.podCidr, '10.244.0.0/24');
  assert.deepEqual([...plan.routes], [['10.244.1.0/24', '192.0.2.2']]);
});

test('a host that is no node has routes to all nodes and no range of its own', () => {
  const plan = planNetwork([node('a', '10.244.0.0/24', '192.0.2.1')], 'master-1', new Set(['192.0.2.9']));
  assert.equal(plan.podCidr, undefined);
  assert.equal(plan.routes.size, 1);
});

test('a node record that carries our own address makes no route to ourselves', () => {
  const plan = planNetwork(
    [node('old-name', '10.244.0.0/24', '192.0.2.1')],
    'new-name',
    new Set(['192.0.2.1']),
  );
  assert.equal(plan.routes.size, 0);
});

test('only stale and changed routes are touched', () => {
  const current = new Map([
    ['10.244.1.0/24', '192.0.2.2'],
    ['10.244.2.0/24', '192.0.2.3'],
    ['10.244.9.0/24', '192.0.2.9'],
  ]);
  const wanted = new Map([
    ['10.244.1.0/24', '192.0.2.2'],
    ['10.244.2.0/24', '192.0.2.4'],
  ]);
  assert.deepEqual(routeChanges(current, wanted, 84), [
    'route del 10.244.9.0/24 proto 84',
    'route replace 10.244.2.0/24 via 192.0.2.4 proto 84',
  ]);
});
