/** What OpenAPI of kube-apiserver 1.36 says of messages, as seen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openapiV2, openapiV3 } from '../openapi.ts';
import { registry } from '../registry.ts';

type Json = Readonly<Record<string, never>>;
const options = { registry, served: () => true };
const schemasOf = (group: string, version: string): Json =>
  (openapiV3(options, { group, version }) as { components: { schemas: Json } }).components.schemas;
const core = schemasOf('', 'v1');
const meta = (name: string): string => `io.k8s.apimachinery.pkg.apis.meta.v1.${name}`;
const property = (schemas: Json, message: string, name: string): unknown =>
  (schemas[message] as unknown as { properties: Json }).properties[name];

test('what is always there has its zero as default, and what is a pointer or left out has none', () => {
  const container = (name: string): unknown => property(core, 'io.k8s.api.core.v1.Container', name);
  assert.deepEqual(container('name'), { type: 'string', default: '' });
  assert.deepEqual(container('image'), { type: 'string' });
  assert.deepEqual(container('tty'), { type: 'boolean' });
  assert.deepEqual(container('command'), {
    type: 'array',
    items: { type: 'string', default: '' },
    'x-kubernetes-list-type': 'atomic',
  });
  assert.deepEqual(container('resources'), {
    allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.ResourceRequirements' }],
    default: {},
  });
  assert.deepEqual((container('env') as { items: unknown }).items, {
    allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.EnvVar' }],
    default: {},
  });
  assert.deepEqual(property(core, 'io.k8s.api.core.v1.ResourceRequirements', 'limits'), {
    type: 'object',
    additionalProperties: { $ref: '#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity' },
  });
});

test('lists of texts with a name of their own stand where they are used', () => {
  const schemas = schemasOf('authentication.k8s.io', 'v1');
  assert.deepEqual(property(schemas, 'io.k8s.api.authentication.v1.UserInfo', 'extra'), {
    type: 'object',
    additionalProperties: { type: 'array', items: { type: 'string', default: '' } },
  });
});

test('required fields come in the order of the message, and unions say who is who', () => {
  const required = (name: string): unknown => (core[name] as { required?: unknown } | undefined)?.required;
  assert.deepEqual(required('io.k8s.api.core.v1.AttachedVolume'), ['name', 'devicePath']);
  const profile = core['io.k8s.api.core.v1.SeccompProfile'] as unknown as Json;
  assert.deepEqual(profile['x-kubernetes-unions'], [
    { discriminator: 'type', 'fields-to-discriminateBy': { localhostProfile: 'LocalhostProfile' } },
  ]);
});

test('kinds of every group are named for the group of the document, and for all that there ever were', () => {
  const kindsOf = (schemas: Json): unknown =>
    (schemas[meta('DeleteOptions')] as unknown as Json | undefined)?.['x-kubernetes-group-version-kind'];
  const kind = 'DeleteOptions';
  assert.deepEqual(kindsOf(core), [{ group: '', version: 'v1', kind }]);
  assert.deepEqual(kindsOf(schemasOf('apps', 'v1')), [
    { group: '', version: 'v1', kind },
    { group: 'apps', version: 'v1', kind },
  ]);
  assert.equal(kindsOf(schemasOf('authentication.k8s.io', 'v1')), undefined);
  const { definitions } = openapiV2(options) as { definitions: Json };
  assert.equal((kindsOf(definitions) as unknown[]).length, 60);
});
