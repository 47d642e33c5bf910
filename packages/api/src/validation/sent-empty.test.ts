/** Lists and maps that were sent empty, as kube-apiserver 1.36 shows them in its texts and gives them owners. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyDefaults } from '../defaults.ts';
import { type ApiObject, decodeStrict, normalize } from '../decode.ts';
import { trackUpdate } from '../patch/managed-fields.ts';
import type { JsonObject } from '../patch/structure.ts';
import { registry, type ResourceInfo } from '../registry.ts';
import { fieldSetOf } from '../patch/field-set.ts';
import { formatFieldError } from './field-error.ts';
import { validate } from '../validation.ts';

function decoded(group: string, resource: string, value: object): { info: ResourceInfo; object: ApiObject } {
  const info = registry.lookup(group, 'v1', resource) as ResourceInfo;
  return { info, object: applyDefaults(info, decodeStrict(info, value).object) };
}

function problems(group: string, resource: string, value: object): readonly string[] {
  const { info, object } = decoded(group, resource, value);
  return validate(info, object).map(formatFieldError);
}

test('what was sent empty is shown empty', () => {
  const template = (labels: object | undefined): object => ({
    metadata: { name: 'a', namespace: 'b' },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  });
  const text =
    'spec.template.metadata.labels: Invalid value: {}: `selector` does not match template `labels`';
  assert.deepEqual(problems('apps', 'deployments', template({})), [text]);
  assert.deepEqual(problems('apps', 'deployments', template(undefined)), [text.replace('{}', 'null')]);
  const metadata = { name: 'a', namespace: 'b' };
  assert.deepEqual(problems('networking.k8s.io', 'ingresses', { metadata, spec: { rules: [] } }), [
    'spec: Invalid value: []: either `defaultBackend` or `rules` must be specified',
  ]);
});

test('who sends an empty list that is always written owns it', () => {
  const owners = (value: object): unknown => {
    const { info, object } = decoded('rbac.authorization.k8s.io', 'clusterroles', value);
    const tracked = trackUpdate(undefined, object as JsonObject, {
      structure: info.schema,
      manager: 'me',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      subresource: '',
      time: '2026-01-02T03:04:05Z',
      reset: fieldSetOf(),
      empty: normalize(info.schema, {}) as JsonObject,
    });
    const [entry] = (tracked as ApiObject).metadata?.managedFields ?? [];
    return entry?.fieldsV1;
  };
  assert.deepEqual(owners({ metadata: { name: 'a' }, rules: [] }), { 'f:rules': {} });
  assert.equal(owners({ metadata: { name: 'a' } }), undefined);
});
