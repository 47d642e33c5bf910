import type { PersistentVolume } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, finalizer } from './decide.ts';

test('a volume keeps its finalizer until it is deleted and not bound', () => {
  const volume = (phase: string, deletionTimestamp?: string, finalizers = [finalizer]): PersistentVolume =>
    ({ metadata: { name: 'v', finalizers, deletionTimestamp }, status: { phase } }) as PersistentVolume;
  assert.equal(decide(volume('Available')), 'keep');
  assert.equal(decide(volume('Available', undefined, [])), 'add');
  assert.equal(decide(volume('Bound', '2026-01-01T00:00:00Z')), 'keep');
  assert.equal(decide(volume('Released', '2026-01-01T00:00:00Z')), 'remove');
  assert.equal(decide(volume('Released', '2026-01-01T00:00:00Z', [])), 'keep');
});
