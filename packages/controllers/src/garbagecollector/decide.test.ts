import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OwnedMetadata } from '../discovery.ts';
import { decide, type OwnerState } from './decide.ts';

function object(
  uid: string,
  owners: readonly string[],
  extra: OwnedMetadata['metadata'] = {},
): OwnedMetadata {
  const ownerReferences = owners.map((owner) => ({
    apiVersion: 'v1',
    kind: 'Thing',
    name: owner,
    uid: owner,
    blockOwnerDeletion: true,
  }));
  return { metadata: { name: uid, uid, ownerReferences, ...extra } };
}

const deletionTimestamp = '2026-01-01T00:00:00Z';
const states = (entries: Record<string, OwnerState>): Map<string, OwnerState> =>
  new Map(Object.entries(entries));
const child = object('child', ['me']);

test('an object lives while an owner does, and loses references to those that are gone', () => {
  const two = object('x', ['a', 'b']);
  assert.deepEqual(decide({ object: object('x', []), owners: new Map(), dependents: [] }), []);
  assert.deepEqual(decide({ object: two, owners: states({ a: 'solid', b: 'solid' }), dependents: [] }), []);
  assert.deepEqual(decide({ object: two, owners: states({ a: 'solid', b: 'absent' }), dependents: [] }), [
    { type: 'dropOwners', uids: ['b'] },
  ]);
});

test('an object whose owners are all gone is deleted, but not while one of them is unknown', () => {
  const two = object('x', ['a', 'b']);
  assert.deepEqual(decide({ object: two, owners: states({ a: 'absent', b: 'absent' }), dependents: [] }), [
    { type: 'delete', policy: 'Background' },
  ]);
  assert.deepEqual(decide({ object: two, owners: states({ a: 'absent' }), dependents: [] }), []);
});

test('an owner that is deleted in the foreground takes its dependents first, all the way down', () => {
  const finalizers = ['foregroundDeletion'];
  const owner = object('me', [], { deletionTimestamp, finalizers });
  assert.deepEqual(decide({ object: owner, owners: new Map(), dependents: [child] }), [
    { type: 'deleteDependents', dependents: [child] },
  ]);
  const leaving = object('child', ['me'], { deletionTimestamp });
  assert.deepEqual(decide({ object: owner, owners: new Map(), dependents: [leaving] }), []);
  assert.deepEqual(decide({ object: owner, owners: new Map(), dependents: [] }), [
    { type: 'removeFinalizer', finalizer: 'foregroundDeletion' },
  ]);
  const middle = object('x', ['a']);
  assert.deepEqual(decide({ object: middle, owners: states({ a: 'waiting' }), dependents: [child] }), [
    { type: 'delete', policy: 'Foreground' },
  ]);
});

test('orphaning frees the dependents before the object goes', () => {
  const owner = object('me', [], { deletionTimestamp, finalizers: ['orphan'] });
  assert.deepEqual(decide({ object: owner, owners: new Map(), dependents: [child] }), [
    { type: 'orphanDependents', dependents: [child] },
    { type: 'removeFinalizer', finalizer: 'orphan' },
  ]);
});
