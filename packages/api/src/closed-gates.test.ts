import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dropClosedFields } from './closed-gates.ts';
import type { ApiObject } from './object.ts';

const slices = { group: 'resource.k8s.io', kind: 'ResourceSlice' };
const slice = (depth: object): ApiObject => ({
  spec: { driver: 'd', devices: [{ name: 'a', attributes: { depth } }] },
});

void test('a field behind a gate that is closed is dropped from what a client sends', () => {
  const object = slice({ int: 1, ints: [1] });
  dropClosedFields(slices, object, undefined);
  assert.deepEqual(object, slice({ int: 1 }));
});

void test('an object that has such a field keeps having it', () => {
  const object = slice({ ints: [2] });
  dropClosedFields(slices, object, slice({ ints: [1] }));
  assert.deepEqual(object, slice({ ints: [2] }));
});

void test('having one of them does not open the others', () => {
  const lease = { group: 'coordination.k8s.io', kind: 'Lease' };
  const object: ApiObject = { spec: { strategy: 'a', preferredHolder: 'b' } };
  dropClosedFields(lease, object, { spec: { strategy: 'a' } });
  assert.deepEqual(object, { spec: { strategy: 'a' } });
});
