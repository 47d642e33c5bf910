import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entriesFromScale, scaleEntries } from './scale-ownership.ts';
import type { JsonObject } from './structure.ts';

const replicas = { apiVersion: 'apps/v1', path: ['spec', 'replicas'] };
const entry = (
  manager: string,
  operation: string,
  fieldsV1: JsonObject,
  more: JsonObject = {},
): JsonObject => ({
  apiVersion: 'apps/v1',
  fieldsType: 'FieldsV1',
  fieldsV1,
  manager,
  operation,
  time: '2026-01-02T03:04:05Z',
  ...more,
});
const own = { 'f:spec': { 'f:replicas': {} } };
const more = { 'f:spec': { 'f:replicas': {}, 'f:paused': {} } };

void test('a Scale is owned by who owns the replicas of its workload', () => {
  const parent = [entry('maker', 'Update', more), entry('other', 'Update', { 'f:spec': { 'f:paused': {} } })];
  assert.deepEqual(scaleEntries(parent, replicas), [
    entry('maker', 'Update', own, { apiVersion: 'autoscaling/v1' }),
  ]);
});

void test('an updater keeps the number beside its other fields once, and without a time', () => {
  const parent = [entry('maker', 'Update', more)];
  const { time: _time, ...timeless } = entry('maker', 'Update', own);
  const once = entriesFromScale(parent, scaleEntries(parent, replicas), replicas);
  assert.deepEqual(once, [timeless, entry('maker', 'Update', { 'f:spec': { 'f:paused': {} } })]);
  assert.deepEqual(scaleEntries(once, replicas), []);
});

void test('who applied the number keeps all it applied until somebody takes the number', () => {
  const parent = [entry('applier', 'Apply', more)];
  assert.deepEqual(entriesFromScale(parent, scaleEntries(parent, replicas), replicas), parent);
  const scaler = entry('scaler', 'Update', own, { apiVersion: 'autoscaling/v1', subresource: 'scale' });
  const { time: _time, ...timeless } = entry('scaler', 'Update', own, { subresource: 'scale' });
  assert.deepEqual(entriesFromScale(parent, [scaler], replicas), [
    entry('applier', 'Apply', { 'f:spec': { 'f:paused': {} } }),
    timeless,
  ]);
});
