import type { Node } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, uninitializedTaint } from './decide.ts';
import { plainVmProvider } from './plain-vm.ts';

const node: Node = {
  metadata: { name: 'n', labels: { mine: 'yes' } },
  spec: {
    taints: [
      { key: uninitializedTaint, effect: 'NoSchedule' },
      { key: 'mine', effect: 'NoSchedule' },
    ],
  },
};
const instance = { providerId: 'plain-vm://n', instanceType: 'vm', addresses: [], zone: 'z1' };

test('a new node gets its identity and labels and loses only the taint that waited for them', () => {
  const next = decide(node, instance);
  assert.equal(next?.spec?.providerID, 'plain-vm://n');
  assert.deepEqual(next?.spec?.taints, [{ key: 'mine', effect: 'NoSchedule' }]);
  assert.equal(next?.metadata?.labels?.['topology.kubernetes.io/zone'], 'z1');
  assert.equal(next?.metadata?.labels?.['mine'], 'yes');
  assert.ok(next);
  assert.equal(decide(next, instance), undefined);
});

test('a provider id is never changed once it is set', () => {
  const named = { ...node, spec: { providerID: 'other://1' } };
  assert.equal(decide(named, instance)?.spec?.providerID, 'other://1');
});

test('on plain machines a node is what it says of itself, and never declared gone', async () => {
  const { signal } = new AbortController();
  assert.equal(await plainVmProvider.instances?.exists(node, signal), true);
  assert.equal((await plainVmProvider.instances?.metadata(node, signal))?.providerId, 'plain-vm://n');
});
