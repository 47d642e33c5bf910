import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiObject } from '@timonier/api/decode';
import { keepOwnersTimes } from './owners-times.ts';

function object(time: string, value: string, manager = 'a'): ApiObject {
  const entry = { manager, operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', time };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'm',
      managedFields: [{ ...entry, fieldsV1: { 'f:data': { 'f:k': {} } } }],
    },
    data: { k: value },
  };
}

const [early, late] = ['2026-01-01T00:00:00Z', '2026-01-01T00:00:02Z'];

test('a change that came to nothing leaves the times of the owners', () => {
  const again = object(late, '1');
  keepOwnersTimes(again, object(early, '1'));
  assert.deepEqual(again, object(early, '1'));
});

test('a change of a value is of another time, and so is another owner of it', () => {
  const changed = object(late, '2');
  keepOwnersTimes(changed, object(early, '1'));
  assert.deepEqual(changed, object(late, '2'));
  const taken = object(late, '1', 'b');
  keepOwnersTimes(taken, object(early, '1'));
  assert.deepEqual(taken, object(late, '1', 'b'));
});
