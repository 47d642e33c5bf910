/** What deletions make of objects, without a server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeleteOptions } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { timestamp } from '../timestamp.ts';
import { decideRemoval, isReleased } from './removal.ts';

const start = Date.parse('2026-01-01T12:00:00Z');
const at = (seconds: number): string => timestamp(start + seconds * 1_000);

const pod = (more: { phase?: string; metadata?: object; nodeName?: string } = {}): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', generation: 1, ...more.metadata },
  spec: { nodeName: more.nodeName ?? 'n1', terminationGracePeriodSeconds: 60 },
  status: { phase: more.phase ?? 'Running' },
});

/** Deletes one pod again and again: seconds after the start, and with what. Returns what each one did. */
function deletions(given: ApiObject, ...steps: [number, DeleteOptions][]): unknown[] {
  let object = given;
  return steps.map(([seconds, options]) => {
    const decision = decideRemoval(structuredClone(object), options, start + seconds * 1_000);
    if (decision.action === 'put') object = decision.object;
    const of = decision.action === 'remove' ? decision.last : decision.object;
    const { deletionTimestamp, deletionGracePeriodSeconds, generation, finalizers } = of?.metadata ?? {};
    return decision.action === 'keep'
      ? 'keep'
      : [decision.action, deletionTimestamp, deletionGracePeriodSeconds, generation, ...(finalizers ?? [])];
  });
}

test('a pod on a node gets its time, or what it is given, and one that no node runs goes at once', () => {
  assert.deepEqual(deletions(pod(), [0, {}]), [['put', at(60), 60, 2]]);
  assert.deepEqual(deletions(pod(), [0, { gracePeriodSeconds: 5 }]), [['put', at(5), 5, 2]]);
  assert.deepEqual(deletions(pod(), [0, { gracePeriodSeconds: 0 }]), [['remove', at(0), 0, 2]]);
  assert.deepEqual(deletions(pod({ nodeName: '' }), [0, {}]), [['remove', at(0), 0, 2]]);
  assert.deepEqual(deletions(pod({ phase: 'Failed' }), [0, {}]), [['remove', at(0), 0, 2]]);
});

test('less than no time is one second', () => {
  assert.deepEqual(deletions(pod(), [0, { gracePeriodSeconds: -1 }]), [['put', at(1), 1, 2]]);
  assert.deepEqual(deletions(pod(), [0, {}], [3, { gracePeriodSeconds: -5 }]), [
    ['put', at(60), 60, 2],
    ['put', at(3), 1, 2],
  ]);
});

test('less time is counted from the first deletion, and more is never given', () => {
  assert.deepEqual(
    deletions(
      pod(),
      [0, {}],
      [4, { gracePeriodSeconds: 30 }],
      [5, { gracePeriodSeconds: 40 }],
      [20, { gracePeriodSeconds: 10 }],
      [21, { gracePeriodSeconds: 0 }],
    ),
    [['put', at(60), 60, 2], ['put', at(30), 30, 2], 'keep', ['put', at(20), 1, 2], ['remove', at(21), 0, 2]],
  );
});

test('a pod that ends keeps its time and its dependents as they are, even when it has succeeded', () => {
  const ending = { deletionTimestamp: at(60), deletionGracePeriodSeconds: 60 };
  const ended = pod({ metadata: ending, phase: 'Succeeded' });
  assert.deepEqual(
    deletions(ended, [1, {}], [1, { propagationPolicy: 'Foreground' }], [1, { gracePeriodSeconds: 90 }]),
    ['keep', 'keep', 'keep'],
  );
  // The kubelet's word that it has.
  assert.deepEqual(deletions(ended, [2, { gracePeriodSeconds: 0 }]), [['remove', at(2), 0, 1]]);
});

test('a pod with finalizers stays until the last one goes, when its time is over', () => {
  const held = { finalizers: ['example.com/hold'] };
  assert.deepEqual(deletions(pod({ metadata: held }), [0, {}], [2, { gracePeriodSeconds: 0 }], [3, {}]), [
    ['put', at(60), 60, 2, 'example.com/hold'],
    ['put', at(2), 0, 2, 'example.com/hold'],
    'keep',
  ]);
});

test('an update lets go of what has no finalizer left and had no time left before it', () => {
  const gone = (old: object, object: object = {}): boolean =>
    isReleased(pod({ metadata: object }), pod({ metadata: old }));
  const over = { deletionTimestamp: at(0), deletionGracePeriodSeconds: 0, finalizers: ['a.b/c'] };
  assert.equal(gone(over), true);
  assert.equal(gone(over, { finalizers: ['a.b/d'] }), false);
  const running = { deletionTimestamp: at(60), deletionGracePeriodSeconds: 60 };
  assert.equal(gone(running, { ...running, deletionGracePeriodSeconds: 0 }), false);
  assert.equal(gone({}, over), false);
});
