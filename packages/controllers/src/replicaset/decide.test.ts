import type { Pod, ReplicaSet } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, failedStatus } from './decide.ts';

const now = Date.parse('2026-01-01T01:00:00Z');
const set: ReplicaSet = {
  metadata: { name: 'rs', namespace: 'a', uid: 'rs', generation: 3 },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } },
  },
};

interface PodOptions {
  readonly owner?: string | undefined;
  readonly labels?: Record<string, string>;
  readonly node?: string;
  readonly ready?: boolean;
  readonly phase?: string;
  readonly deleting?: boolean;
  readonly cost?: string;
  readonly created?: string;
}

function pod(name: string, options: PodOptions = {}): Pod {
  const { owner = 'rs', labels = { app: 'web' }, ready = true, phase = 'Running' } = options;
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  return {
    metadata: {
      name,
      uid: name,
      labels,
      creationTimestamp: options.created ?? '2026-01-01T00:00:00Z',
      ...(options.cost === undefined
        ? {}
        : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': options.cost } }),
      ...(options.deleting === true ? { deletionTimestamp: '2026-01-01T00:30:00Z' } : {}),
      ...('owner' in options && options.owner === undefined
        ? {}
        : {
            ownerReferences: [
              { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: owner, controller: true },
            ],
          }),
    },
    spec: { containers: [], ...(options.node === undefined ? {} : { nodeName: options.node }) },
    status: {
      phase,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime }],
    } as Pod['status'] & object,
  };
}

function names(pods: readonly Pod[]): (string | undefined)[] {
  return pods.map(({ metadata }) => metadata?.name);
}

test('missing pods are created, finished and leaving ones do not count', () => {
  const pods = [pod('a'), pod('b', { phase: 'Failed' }), pod('c', { deleting: true })];
  const decision = decide({ set, pods, neighbours: new Map(), now });
  assert.equal(decision.create, 2);
  assert.deepEqual(decision.status, {
    replicas: 1,
    fullyLabeledReplicas: 1,
    readyReplicas: 1,
    availableReplicas: 1,
    observedGeneration: 3,
  });
});

test('matching orphans are adopted instead of creating pods, pods that no longer match are let go', () => {
  const pods = [pod('a'), pod('orphan', { owner: undefined }), pod('changed', { labels: { app: 'other' } })];
  const decision = decide({ set, pods, neighbours: new Map(), now });
  assert.deepEqual(names(decision.adopt), ['orphan']);
  assert.deepEqual(names(decision.release), ['changed']);
  assert.equal(decision.create, 1);
});

test('pods go in upstream’s order: unplaced, pending, not ready, cheap, crowded, young', () => {
  const neighbours = new Map([
    ['crowded', 5],
    ['lonely', 1],
  ]);
  const pods = [
    pod('old', { node: 'lonely' }),
    pod('young', { node: 'lonely', created: '2026-01-01T00:59:00Z' }),
    pod('crowded', { node: 'crowded' }),
    pod('cheap', { node: 'lonely', cost: '-5' }),
    pod('unready', { node: 'lonely', ready: false }),
    pod('pending', { node: 'lonely', ready: false, phase: 'Pending' }),
    pod('unplaced', { ready: false, phase: 'Pending' }),
  ];
  const none: ReplicaSet = {
    ...set,
    spec: { ...set.spec, selector: { matchLabels: { app: 'web' } }, replicas: 0 },
  };
  const decision = decide({ set: none, pods, neighbours, now });
  assert.deepEqual(names(decision.delete), [
    'unplaced',
    'pending',
    'unready',
    'cheap',
    'crowded',
    'young',
    'old',
  ]);
});

test('a pod counts as available only after minReadySeconds, and the set looks again then', () => {
  const patient: ReplicaSet = {
    ...set,
    spec: { ...set.spec, selector: { matchLabels: { app: 'web' } }, minReadySeconds: 3660 },
  };
  const decision = decide({ set: patient, pods: [pod('a')], neighbours: new Map(), now });
  assert.equal(decision.status?.readyReplicas, 1);
  assert.equal(decision.status?.availableReplicas, undefined);
  assert.equal(decision.againAfterMs, 60_000);
});

test('a set that is being deleted neither creates nor adopts', () => {
  const leaving: ReplicaSet = {
    ...set,
    metadata: { ...set.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
  };
  const decision = decide({
    set: leaving,
    pods: [pod('orphan', { owner: undefined })],
    neighbours: new Map(),
    now,
  });
  assert.deepEqual([decision.create, decision.adopt.length, decision.delete.length], [0, 0, 0]);
});

test('a failure is told in the status until an attempt succeeds, and repeating it changes nothing', () => {
  const pods = [pod('a')];
  const failure = { reason: 'FailedCreate', message: 'exceeded quota' } as const;
  const status = failedStatus(set, pods, now, failure);
  assert.deepEqual(status?.conditions, [
    { type: 'ReplicaFailure', status: 'True', ...failure, lastTransitionTime: '2026-01-01T01:00:00Z' },
  ]);
  assert.equal(status?.replicas, 1);
  const failed: ReplicaSet = { ...set, ...(status === undefined ? {} : { status }) };
  const again = { reason: 'FailedCreate', message: 'exceeded quota, once more' } as const;
  assert.equal(failedStatus(failed, pods, now + 60_000, again), undefined);
  const cured = decide({ set: failed, pods, neighbours: new Map(), now });
  assert.deepEqual(cured.status?.conditions, undefined);
  assert.equal(cured.status?.replicas, 1);
});
