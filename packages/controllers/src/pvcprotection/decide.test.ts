import type { PersistentVolumeClaim, Pod } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimsOf, decide, finalizer } from './decide.ts';

const deleted = '2026-01-01T00:00:00Z';

function claim(metadata: object = {}): PersistentVolumeClaim {
  return { metadata: { name: 'web-data', namespace: 'n', finalizers: [finalizer], ...metadata } };
}

function pod(volume: object, nodeName: string | undefined = 'here', more: object = {}): Pod {
  return {
    metadata: { name: 'web', namespace: 'n', uid: 'p', ...more },
    spec: {
      containers: [],
      ...(nodeName === undefined ? {} : { nodeName }),
      volumes: [{ name: 'data', ...volume }],
    },
  };
}

const mounted = { persistentVolumeClaim: { claimName: 'web-data' } };
const own = { ephemeral: { volumeClaimTemplate: { spec: {} } } };
const ownedBy = (uid: string) => [{ apiVersion: 'v1', kind: 'Pod', name: 'web', uid, controller: true }];

test('a claim keeps its finalizer until it is deleted and no pod on a node has it', () => {
  assert.equal(decide(claim(), []), 'keep');
  assert.equal(decide(claim({ finalizers: [] }), []), 'add');
  const leaving = claim({ deletionTimestamp: deleted });
  assert.equal(decide(leaving, []), 'remove');
  assert.equal(decide(leaving, [pod(mounted)]), 'keep');
  assert.equal(decide(leaving, [pod(mounted, '')]), 'remove', 'a pod that never got a node cannot start');
  assert.equal(decide(leaving, [pod({ persistentVolumeClaim: { claimName: 'other' } })]), 'remove');
  assert.equal(decide(claim({ deletionTimestamp: deleted, finalizers: ['x/y'] }), []), 'keep');
});

test('a claim that was made for a pod stays while that pod runs, and no other one of its name', () => {
  const of = (uid: string): PersistentVolumeClaim =>
    claim({ deletionTimestamp: deleted, ownerReferences: ownedBy(uid) });
  assert.equal(decide(of('p'), [pod(own)]), 'keep');
  assert.equal(decide(of('another'), [pod(own)]), 'remove');
  const ending = { deletionTimestamp: deleted, deletionGracePeriodSeconds: 0 };
  assert.equal(decide(of('p'), [pod(own, 'here', ending)]), 'remove');
  assert.deepEqual(claimsOf(pod(own)), ['web-data']);
  assert.deepEqual(claimsOf(pod(mounted)), ['web-data']);
});
