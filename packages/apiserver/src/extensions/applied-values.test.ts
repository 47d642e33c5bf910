/** What server-side apply says of a custom resource that is not of its schema's shape: texts that Kubernetes was seen to say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appliedProblems } from './applied-values.ts';
import type { JsonSchema } from './json-schema.ts';

const schema: JsonSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        mode: { type: 'string' },
        count: { type: 'integer' },
        port: { 'x-kubernetes-int-or-string': true },
        hosts: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            properties: { port: { type: 'integer' }, protocol: { type: 'string', default: 'TCP' } },
          },
        },
      },
    },
  },
};

const cases: readonly (readonly [string, object, ...string[]])[] = [
  [
    'of the right shape',
    {
      mode: 'a',
      count: 1,
      port: 'http',
      hosts: ['a'],
      labels: { a: 'x' },
      open: { any: [1] },
      ports: [{ port: 1 }],
    },
  ],
  ['with nulls', { mode: null, hosts: null, labels: { a: null } }],
  [
    'of other types',
    { mode: 1, ports: {}, hosts: 'x', labels: [] },
    '.spec.hosts: expected list, got &{x}',
    '.spec.labels: expected map, got &{[]}',
    '.spec.mode: expected string, got &value.valueUnstructured{Value:1}',
    '.spec.ports: expected list, got &{map[]}',
  ],
  [
    'with unknown fields',
    { what: 1, ports: [{ port: 4, what: 1 }] },
    '.spec.ports[port=4,protocol="TCP"].what: field not declared in schema',
    '.spec.what: field not declared in schema',
  ],
  [
    'with doubled items',
    { hosts: ['x', 'x'], ports: [{ port: 3 }, { port: 3, protocol: 'TCP' }] },
    '.spec.hosts: duplicate entries for key [="x"]',
    '.spec.ports: duplicate entries for key [port=3,protocol="TCP"]',
  ],
];
for (const [title, spec, ...wanted] of cases)
  test(`a configuration ${title}`, () => {
    const config = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'a' }, spec };
    assert.deepEqual(appliedProblems(schema, config), wanted);
  });

test('metadata is every kind’s, of the object and of those embedded in it', () => {
  const template: JsonSchema = {
    type: 'object',
    'x-kubernetes-embedded-resource': true,
    properties: { metadata: { type: 'object', properties: { own: { type: 'string' } } } },
  };
  const holder: JsonSchema = { type: 'object', properties: { template } };
  const metadata = { name: 'a', labels: { a: 'b' }, what: 1 };
  assert.deepEqual(
    appliedProblems(holder, {
      kind: 'A',
      metadata,
      template: { kind: 'B', metadata: { own: 'x', name: 1 } },
    }),
    [
      '.metadata.what: field not declared in schema',
      '.template.metadata.name: expected string, got &value.valueUnstructured{Value:1}',
      '.template.metadata.own: field not declared in schema',
    ],
  );
});
