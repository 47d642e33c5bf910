import type { Node, Pod, Taint } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideNode, staysForMs } from './decide.ts';

const graceMs = 8_000;
const now = Date.parse('2026-01-01T00:00:00Z');

function node(ready: 'True' | 'False' | 'Unknown', taints: Taint[] = []): Node {
  return {
    metadata: { name: 'n' },
    spec: { taints },
    status: {
      conditions: [
        { type: 'Ready', status: ready, reason: 'x' },
        { type: 'DiskPressure', status: 'False' },
        { type: 'Custom', status: 'True' },
      ],
    },
  };
}

const keys = (taints: readonly Taint[] | undefined): string[] | undefined =>
  taints?.map(({ key, effect }) => `${key}:${effect}`);

test('a node within its grace period is left alone, and looked at again when that ends', () => {
  const decision = decideNode({ node: node('True'), silentForMs: 3_000, graceMs, now, eviction: 'go' });
  assert.deepEqual(decision, {
    conditions: undefined,
    taints: undefined,
    ready: 'True',
    againAfterMs: 5_000,
  });
});

test('a silent node becomes Unknown in what its kubelet reports, and unreachable', () => {
  const decision = decideNode({ node: node('True'), silentForMs: graceMs, graceMs, now, eviction: 'go' });
  assert.deepEqual(
    decision.conditions?.map(({ type, status }) => `${type}=${status}`),
    ['Ready=Unknown', 'DiskPressure=Unknown', 'Custom=True'],
  );
  assert.deepEqual(keys(decision.taints), [
    'node.kubernetes.io/unreachable:NoSchedule',
    'node.kubernetes.io/unreachable:NoExecute',
  ]);
  const again = decideNode({
    node: { ...node('Unknown', decision.taints), status: { conditions: decision.conditions ?? [] } },
    silentForMs: graceMs * 2,
    graceMs,
    now,
    eviction: 'go',
  });
  assert.deepEqual([again.conditions, again.taints], [undefined, undefined]);
});

test('a node that is ready again loses the taints of its absence and keeps all others', () => {
  const taints: Taint[] = [
    { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
    { key: 'mine', effect: 'NoSchedule' },
  ];
  const decision = decideNode({ node: node('True', taints), silentForMs: 0, graceMs, now, eviction: 'go' });
  assert.deepEqual(keys(decision.taints), ['mine:NoSchedule']);
});

test('a node that says it is not ready, or cordoned, is tainted for that', () => {
  const notReady = decideNode({ node: node('False'), silentForMs: 0, graceMs, now, eviction: 'go' });
  assert.deepEqual(keys(notReady.taints), [
    'node.kubernetes.io/not-ready:NoSchedule',
    'node.kubernetes.io/not-ready:NoExecute',
  ]);
  const cordoned = { ...node('True'), spec: { unschedulable: true } };
  const decision = decideNode({ node: cordoned, silentForMs: 0, graceMs, now, eviction: 'go' });
  assert.deepEqual(keys(decision.taints), ['node.kubernetes.io/unschedulable:NoSchedule']);
});

test('driving pods away can be held back, which keeps what was decided before, or be stopped', () => {
  const keepsOff = { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' } as const;
  const driven: Taint[] = [keepsOff, { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }];
  for (const [eviction, before, expected] of [
    ['hold', [], 'NoSchedule'],
    ['stop', [], 'NoSchedule'],
    ['go', [], 'NoSchedule NoExecute'],
    ['hold', driven, 'NoSchedule NoExecute'],
    ['stop', driven, 'NoSchedule'],
  ] as const) {
    const lost = node('True', [...before]);
    const decision = decideNode({ node: lost, silentForMs: graceMs, graceMs, now, eviction });
    assert.equal(
      decision.taints?.map(({ key, effect }) => (key === keepsOff.key ? effect : key)).join(' ') ?? 'none',
      expected,
    );
  }
});

test('a pod that is being deleted does not outstay a silent node, whatever it tolerates', () => {
  const deleting = (...tolerations: NonNullable<NonNullable<Pod['spec']>['tolerations']>): Pod => ({
    metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' },
    spec: { containers: [], tolerations },
  });
  const unreachable: Taint[] = [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }];
  const notReady: Taint[] = [{ key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }];
  assert.equal(staysForMs(deleting({ operator: 'Exists' }), unreachable, 2_000), 2_000);
  assert.equal(staysForMs(deleting({ operator: 'Exists' }), notReady, 2_000), undefined);
});

test('how long a pod stays follows its tolerations, and the default where it has none', () => {
  const lost: Taint[] = [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }];
  const other: Taint[] = [{ key: 'x', effect: 'NoExecute' }];
  const pod = (...tolerations: NonNullable<NonNullable<Pod['spec']>['tolerations']>): Pod => ({
    spec: { containers: [], tolerations },
  });
  const key = 'node.kubernetes.io/unreachable';
  const exists = { key, operator: 'Exists', effect: 'NoExecute' } as const;
  for (const [subject, taints, expected] of [
    [pod(), [], undefined],
    [pod(), lost, 2_000],
    [pod(), other, 0],
    [pod(exists), lost, undefined],
    [pod({ ...exists, tolerationSeconds: 300 }), lost, 300_000],
    [pod({ ...exists, tolerationSeconds: 300 }, { ...exists, tolerationSeconds: 5 }), lost, 5_000],
    [pod({ operator: 'Exists' }), [...lost, ...other], undefined],
    [pod(), [{ key: 'x', effect: 'NoSchedule' }] as Taint[], undefined],
  ] as const) {
    assert.equal(staysForMs(subject, taints, 2_000), expected);
  }
});
