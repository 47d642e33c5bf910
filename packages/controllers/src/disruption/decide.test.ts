import type { Pod, PodDisruptionBudget, PodDisruptionBudgetSpec } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BudgetDecision, decide, failed } from './decide.ts';
import type { ExpectedScale } from './scale.ts';
import { staleInMs, withoutDisruption } from './stale.ts';

const now = Date.parse('2026-01-01T00:10:00Z');

const budgetWith = (
  spec: PodDisruptionBudgetSpec,
  status: PodDisruptionBudget['status'] = {},
): PodDisruptionBudget => ({
  metadata: { name: 'kept', namespace: 'a', generation: 3 },
  spec: { selector: { matchLabels: { app: 'kept' } }, ...spec },
  status,
});

function pod(name: string, is: 'ready' | 'unready' | 'going' = 'ready'): Pod {
  return {
    metadata: {
      name,
      namespace: 'a',
      ...(is === 'going' ? { deletionTimestamp: '2026-01-01T00:09:59Z' } : {}),
    },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: is === 'unready' ? 'False' : 'True' }],
    },
  };
}

const ready = (count: number): Pod[] => Array.from({ length: count }, (_, i) => pod(`p${i}`));
const scaleOf = (replicas: number): ExpectedScale => ({ replicas, unmanaged: [], problem: undefined });

/** currentHealthy, desiredHealthy, expectedPods, disruptionsAllowed */
function numbers({ status }: BudgetDecision): readonly (number | undefined)[] {
  const { currentHealthy, desiredHealthy, expectedPods, disruptionsAllowed } = status;
  return [currentHealthy, desiredHealthy, expectedPods, disruptionsAllowed];
}

const table: readonly (readonly [
  string,
  PodDisruptionBudgetSpec,
  readonly Pod[],
  number,
  readonly number[],
])[] = [
  ['a number that must be available, of the pods there are', { minAvailable: 2 }, ready(3), 9, [3, 2, 3, 1]],
  ['more than there are', { minAvailable: 5 }, ready(3), 3, [3, 5, 3, 0]],
  ['a part rounds up', { minAvailable: '50%' }, ready(7), 7, [7, 4, 7, 3]],
  ['of those there should be', { minAvailable: '50%' }, ready(3), 10, [3, 5, 10, 0]],
  ['a number that may be missing', { maxUnavailable: 1 }, ready(3), 3, [3, 2, 3, 1]],
  ['more than there should be', { maxUnavailable: 7 }, ready(3), 3, [3, 0, 3, 3]],
  ['a part that may be missing rounds up, too', { maxUnavailable: '30%' }, ready(5), 5, [5, 3, 5, 2]],
  ['none may be missing', { maxUnavailable: 0 }, ready(3), 3, [3, 3, 3, 0]],
  [
    'pods that are not ready or go are not well',
    { minAvailable: 1 },
    [pod('a'), pod('b', 'unready'), pod('c', 'going')],
    3,
    [1, 1, 3, 0],
  ],
  ['without pods nothing is allowed', { minAvailable: 0 }, [], 0, [0, 0, 0, 0]],
  ['a scale of none allows nothing', { maxUnavailable: '50%' }, ready(2), 0, [2, 0, 0, 0]],
  ['a budget that wants nothing', {}, ready(2), 2, [2, 0, 0, 0]],
];

for (const [name, spec, pods, replicas, expected] of table)
  test(`a budget counts: ${name}`, () => {
    const decision = decide({ budget: budgetWith(spec), pods, scale: scaleOf(replicas), now });
    assert.deepEqual(numbers(decision), expected);
    const allowed = expected.at(-1) !== 0;
    assert.deepEqual(decision.status.conditions, [
      {
        type: 'DisruptionAllowed',
        status: allowed ? 'True' : 'False',
        reason: allowed ? 'SufficientPods' : 'InsufficientPods',
        message: '',
        observedGeneration: 3,
        lastTransitionTime: '2026-01-01T00:10:00Z',
      },
    ]);
    assert.equal(decision.status.observedGeneration, 3);
  });

test('a pod whose eviction was granted is not well, until it goes or two minutes have passed', () => {
  const disruptedPods = {
    p0: '2026-01-01T00:09:30Z',
    p1: '2026-01-01T00:07:59Z',
    p2: '2026-01-01T00:09:59Z',
    'not-there': '2026-01-01T00:09:59Z',
  };
  const budget = budgetWith({ minAvailable: 1 }, { disruptedPods });
  const pods = [pod('p0'), pod('p1'), pod('p2', 'going'), pod('p3')];
  const decision = decide({ budget, pods, scale: scaleOf(4), now });
  assert.deepEqual(decision.status.disruptedPods, { p0: '2026-01-01T00:09:30Z' });
  assert.deepEqual(numbers(decision), [2, 1, 4, 1]);
  assert.equal(decision.againAfterMs, 90_000);
  assert.deepEqual(
    decision.events.map((event) => [event.reason, event.pod?.metadata?.name]),
    [['NotDeleted', 'p1']],
  );
});

test('the time of the condition changes with its status alone', () => {
  const first = decide({ budget: budgetWith({ minAvailable: 1 }), pods: ready(2), scale: scaleOf(2), now });
  const later = { pods: ready(3), scale: scaleOf(3), now: now + 60_000 };
  const still = decide({ budget: budgetWith({ minAvailable: 1 }, first.status), ...later });
  assert.equal(still.status.conditions?.[0]?.lastTransitionTime, '2026-01-01T00:10:00Z');
  const changed = decide({ budget: budgetWith({ minAvailable: 3 }, first.status), ...later });
  assert.equal(changed.status.conditions?.[0]?.lastTransitionTime, '2026-01-01T00:11:00Z');
});

test('where the scale is not known nothing is allowed, and it is said why', () => {
  const status = decide({
    budget: budgetWith({ minAvailable: 1 }),
    pods: ready(3),
    scale: scaleOf(3),
    now,
  }).status;
  const problem = 'jobs.batch does not implement the scale subresource';
  const budget = budgetWith({ maxUnavailable: 1 }, status);
  const decision = decide({ budget, pods: ready(3), scale: { ...scaleOf(0), problem }, now });
  assert.deepEqual(numbers(decision), [3, 1, 3, 0]);
  assert.equal(decision.status.conditions?.[0]?.reason, 'SyncFailed');
  assert.equal(decision.status.conditions?.[0]?.message, problem);
  assert.deepEqual(
    decision.events.map(({ reason }) => reason),
    ['CalculateExpectedPodCountFailed'],
  );
  // A number that must be available needs no scale.
  assert.deepEqual(
    numbers(
      decide({
        budget: budgetWith({ minAvailable: 1 }),
        pods: ready(3),
        scale: { ...scaleOf(0), problem },
        now,
      }),
    ),
    [3, 1, 3, 2],
  );
  assert.equal(failed(budgetWith({}), 'away', now).disruptionsAllowed, 0);
  const wrong = decide({ budget: budgetWith({ maxUnavailable: 'some' }), pods: [], scale: scaleOf(1), now });
  assert.equal(wrong.status.conditions?.[0]?.reason, 'SyncFailed');
});

test('pods that nobody controls are told where a part of them counts', () => {
  const scale = { ...scaleOf(2), unmanaged: ['alone'] };
  const reasons = (spec: PodDisruptionBudgetSpec): string[] =>
    decide({ budget: budgetWith(spec), pods: ready(3), scale, now }).events.map(({ reason }) => reason);
  assert.deepEqual(reasons({ minAvailable: '50%' }), ['UnmanagedPods']);
  assert.deepEqual(reasons({ minAvailable: 2 }), []);
});

test('a pod that was to be disturbed and was not says so for two minutes', () => {
  const disturbed = (reason: string, more: Partial<Pod> = {}): Pod => ({
    metadata: { name: 'p' },
    ...more,
    status: {
      phase: 'Running',
      conditions: [
        { type: 'DisruptionTarget', status: 'True', reason, lastTransitionTime: '2026-01-01T00:09:00Z' },
      ],
      ...more.status,
    },
  });
  assert.equal(staleInMs(disturbed('EvictionByEvictionAPI'), now), 60_000);
  assert.equal(staleInMs(disturbed('EvictionByEvictionAPI'), now + 90_000), 0);
  assert.equal(staleInMs(disturbed('TerminationByKubelet'), now), undefined);
  assert.equal(
    staleInMs(disturbed('x', { metadata: { deletionTimestamp: '2026-01-01T00:09:00Z' } }), now),
    undefined,
  );
  assert.equal(staleInMs(disturbed('x', { status: { phase: 'Failed' } }), now), undefined);
  const { status } = withoutDisruption(disturbed('x'), now);
  assert.deepEqual(status?.conditions, [
    { type: 'DisruptionTarget', status: 'False', lastTransitionTime: '2026-01-01T00:10:00Z' },
  ]);
  assert.equal(staleInMs(withoutDisruption(disturbed('x'), now), now), undefined);
});
