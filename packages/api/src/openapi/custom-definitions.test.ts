/** What OpenAPI of kube-apiserver 1.36 says of kinds that have a definition of their own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { customDefinition, Definitions, type SchemaDocument } from './definitions.ts';

const type = { group: 'a.example', version: 'v1', kind: 'Ship', listKind: 'ShipList', resource: 'ships' };
const texts = {
  describe: (message: string, field?: string): string => `${message.split('.').at(-1)}.${field ?? ''}`,
};

function defined(version: 'v2' | 'v3', schema: SchemaDocument, kind = 'Ship'): SchemaDocument {
  const definitions = new Definitions(version, () => [], texts);
  definitions.addCustom(type, schema);
  return definitions.all()[customDefinition({ ...type, kind })] as SchemaDocument;
}

test('what every object has is described as that of kinds that are built in', () => {
  const { properties } = defined('v2', { type: 'object', description: 'A ship.' });
  assert.deepEqual(properties, {
    apiVersion: { description: 'Status.apiVersion', type: 'string' },
    kind: { description: 'Status.kind', type: 'string' },
    metadata: {
      description: 'ConfigMap.metadata',
      $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
    },
  });
  const list = defined('v3', { type: 'object' }, 'ShipList');
  assert.equal(list['description'], 'ShipList is a list of Ship');
  assert.match(JSON.stringify(list['properties']), /"description":"List of ships\. More info/);
});

test('of a kind that takes unknown fields Swagger says nothing, because kubectl would refuse the others', () => {
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: {} } };
  const { 'x-kubernetes-group-version-kind': kinds, ...rest } = defined('v2', open);
  assert.deepEqual(rest, { type: 'object' });
  assert.deepEqual(kinds, [{ group: 'a.example', version: 'v1', kind: 'Ship' }]);
  assert.equal(defined('v3', open)['x-kubernetes-preserve-unknown-fields'], true);
});

test('an object that is embedded has what every object has, where nothing else is refused for it', () => {
  const embedded = { type: 'object', 'x-kubernetes-embedded-resource': true, required: ['kind'] };
  const open = { ...embedded, 'x-kubernetes-preserve-unknown-fields': true };
  const schema = { type: 'object', properties: { embedded, many: { type: 'array', items: open } } };
  const shown = (version: 'v2' | 'v3'): Record<string, SchemaDocument> =>
    defined(version, schema)['properties'] as Record<string, SchemaDocument>;
  for (const version of ['v2', 'v3'] as const) {
    const { required, properties } = shown(version)['embedded'] ?? {};
    assert.deepEqual(required, ['kind', 'apiVersion']);
    assert.deepEqual(Object.keys(properties as object).sort(), ['apiVersion', 'kind', 'metadata']);
  }
  const itemsIn = (version: 'v2' | 'v3'): SchemaDocument =>
    shown(version)['many']?.['items'] as SchemaDocument;
  assert.deepEqual(Object.keys(itemsIn('v3')['properties'] as object).sort(), [
    'apiVersion',
    'kind',
    'metadata',
  ]);
  const { properties: none, type: untyped } = itemsIn('v2');
  assert.deepEqual([none, untyped], [undefined, undefined]);
});

test('Swagger names no type of what may hold anything, nor of a list of which nothing is said', () => {
  const schema = {
    type: 'object',
    properties: {
      list: { type: 'array' },
      open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      texts: { type: 'array', items: { type: 'string' } },
    },
  };
  const shown = defined('v2', schema)['properties'] as Record<string, SchemaDocument>;
  assert.deepEqual(shown['list'], {});
  assert.deepEqual(shown['open'], { 'x-kubernetes-preserve-unknown-fields': true });
  assert.equal(shown['texts']?.['type'], 'array');
});
