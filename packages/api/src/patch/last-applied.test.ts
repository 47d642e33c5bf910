import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registry } from '../registry.ts';
import { applyWithHistory, lastAppliedAnnotation } from './last-applied.ts';
import { ApplyConflictError, type ManagementContext, trackUpdate } from './managed-fields.ts';
import { FieldSet } from './field-set.ts';
import type { JsonObject } from './structure.ts';

function as(manager: string): ManagementContext {
  return {
    structure: registry.lookup('', 'v1', 'configmaps')?.schema,
    manager,
    apiVersion: 'v1',
    subresource: '',
    time: '2026-01-01T00:00:00Z',
    reset: new FieldSet(),
  };
}

function configMap(data: JsonObject, annotations?: JsonObject): JsonObject {
  const metadata = { name: 'c', ...(annotations === undefined ? {} : { annotations }) };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
}

/** As a client that applies leaves it, with what it says it applied. */
function applied(data: JsonObject, said: string): JsonObject {
  const object = configMap(data, { [lastAppliedAnnotation]: said });
  return trackUpdate(undefined, object, as('kubectl-client-side-apply'));
}

const ofA = JSON.stringify(configMap({ a: '1' }));

test('kubectl takes what its annotation says from its own past, and brings the annotation up to date', () => {
  const live = applied({ a: '1', b: '1' }, ofA);
  const now = applyWithHistory(live, configMap({ a: '2' }), as('kubectl'), false);
  assert.deepEqual(now['data'], { a: '2', b: '1' });
  const annotations = (now['metadata'] as JsonObject)['annotations'] as JsonObject;
  const expected = '{"apiVersion":"v1","data":{"a":"2"},"kind":"ConfigMap","metadata":{"name":"c"}}\n';
  assert.equal(annotations[lastAppliedAnnotation], expected);
});

test('what the annotation does not say, or says no more, is a conflict', () => {
  for (const [data, config] of [
    [{ a: '1', b: '1' }, { b: '2' }],
    [{ a: 'changed since' }, { a: '2' }],
  ] as const)
    assert.throws(
      () => applyWithHistory(applied(data, ofA), configMap(config), as('kubectl'), false),
      ApplyConflictError,
    );
});

test('an annotation that cannot be read, or of another version, says nothing', () => {
  for (const said of ['{', '[1]', '['.repeat(100_000), ofA.replace('"v1"', '"v2"')])
    assert.throws(
      () => applyWithHistory(applied({ a: '1' }, said), configMap({ a: '2' }), as('kubectl'), false),
      ApplyConflictError,
    );
});

test('other managers meet the conflict, and leave the annotation alone', () => {
  const live = applied({ a: '1' }, ofA);
  assert.throws(() => applyWithHistory(live, configMap({ a: '2' }), as('flux'), false), ApplyConflictError);
  const forced = applyWithHistory(live, configMap({ a: '2' }), as('flux'), true);
  const annotations = (forced['metadata'] as JsonObject)['annotations'] as JsonObject;
  assert.equal(annotations[lastAppliedAnnotation], ofA);
});
