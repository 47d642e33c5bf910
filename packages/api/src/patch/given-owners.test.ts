/** Owners of fields that an update brings along, as kube-apiserver 1.36.3 was seen to take them. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fieldSetOf } from './field-set.ts';
import { type ManagementContext, trackUpdate } from './managed-fields.ts';
import type { JsonObject, JsonValue } from './structure.ts';

const entry = (more: JsonObject = {}): JsonObject => ({
  manager: 'helm',
  operation: 'Apply',
  apiVersion: 'v1',
  time: '2026-01-02T03:04:05Z',
  fieldsType: 'FieldsV1',
  fieldsV1: { 'f:data': { 'f:a': {} } },
  ...more,
});

const context = (more: Partial<ManagementContext> = {}): ManagementContext => ({
  structure: undefined,
  manager: 'editor',
  apiVersion: 'v1',
  subresource: '',
  time: '2026-02-03T04:05:06Z',
  reset: fieldSetOf(),
  ...more,
});

const map = (managedFields: JsonValue | undefined, data: JsonObject = { a: 'b' }): JsonObject => ({
  metadata: { name: 'm', ...(managedFields === undefined ? {} : { managedFields }) },
  data,
});

function ownersAfter(
  given: JsonValue | undefined,
  more: Partial<ManagementContext> = {},
  data?: JsonObject,
): string[] {
  const live = map([entry({ manager: 'kubectl', operation: 'Update' })]);
  const { metadata } = trackUpdate(live, map(given, data), context(more));
  const { managedFields = [] } = metadata as { managedFields?: { manager: string; operation: string }[] };
  return managedFields.map(({ manager, operation }) => `${operation} ${manager}`);
}

suite('owners that an update gives', () => {
  test('stand for those that were kept', () => assert.deepEqual(ownersAfter([entry()]), ['Apply helm']));

  test('lose what the update changes', () =>
    assert.deepEqual(ownersAfter([entry()], {}, { a: 'c' }), ['Update editor']));

  test('are forgotten when there are none, and nobody owns what the update changes', () => {
    for (const given of [[], [{}]])
      assert.deepEqual(ownersAfter(given, {}, { a: 'c' }), [], JSON.stringify(given));
  });

  test('are those that were kept where none are given, or any that cannot be read', () => {
    for (const given of [
      undefined,
      [entry({ operation: 'Create' })],
      [entry({ apiVersion: '' })],
      [entry({ fieldsType: 'FieldsV2' })],
      [entry({ fieldsV1: { data: {} } })],
      [entry({ fieldsV1: { 'k:{': {} } })],
      [entry({ fieldsV1: { 'i:x': {} } })],
      [entry({ fieldsV1: { 'f:data': 1 } })],
      [entry({ fieldsV1: 'text' })],
    ])
      assert.deepEqual(ownersAfter(given), ['Update kubectl'], JSON.stringify(given));
  });

  test('are not to be given by way of a part', () =>
    assert.deepEqual(ownersAfter([entry()], { subresource: 'status' }), ['Update kubectl']));

  test('own nothing in a version that the kind never had', () =>
    assert.deepEqual(
      ownersAfter([entry({ apiVersion: 'apps/v1' })], { isKnownIn: (version) => version === 'v1' }),
      [],
    ));
});

test('nobody owns who owns what after an update', () =>
  assert.deepEqual(ownersAfter([entry({ fieldsV1: { 'f:metadata': { 'f:managedFields': {} } } })]), []));
