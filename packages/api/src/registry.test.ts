import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aggregatedDiscovery, apiGroup, apiGroupList } from './discovery.ts';
import { openapiV2, openapiV3 } from './openapi.ts';
import { compareVersions, createRegistry, registry, type ResourceInfo } from './registry.ts';

const everything = (): boolean => true;
const configMaps = registry.lookup('', 'v1', 'configmaps') as ResourceInfo;
const custom = (version: string, more: Partial<ResourceInfo> = {}): ResourceInfo => ({
  ...configMaps,
  group: 'demo.example.com',
  version,
  resource: 'sails',
  singular: 'sail',
  kind: 'Sail',
  listKind: 'SailList',
  storagePrefix: 'demo.example.com/sails',
  storageVersion: 'demo.example.com/v1',
  schema: configMaps.schema,
  openApiSchema: { type: 'object', properties: { spec: { type: 'object' }, kind: { type: 'integer' } } },
  ...more,
});

describe('a registry that changes', () => {
  it('gains and loses versions of a kind, and prefers the stable one', () => {
    const own = createRegistry();
    own.change({ add: [custom('v1beta1'), custom('v2alpha1'), custom('v1')] });
    assert.deepEqual(own.groups().at(-1), {
      group: 'demo.example.com',
      versions: ['v1', 'v1beta1', 'v2alpha1'],
      preferred: 'v1',
    });
    own.change({ remove: [custom('v1')] });
    assert.equal(own.lookup('demo.example.com', 'v1', 'sails'), undefined);
    assert.equal(own.byKind('demo.example.com', 'v1', 'Sail'), undefined);
    assert.equal(apiGroup(own, everything, 'demo.example.com')?.preferredVersion?.version, 'v1beta1');
    own.change({ remove: [custom('v1beta1'), custom('v2alpha1')] });
    assert.deepEqual(own.groups(), registry.groups());
    assert.equal(own.all().length, registry.all().length);
  });

  it('tells listeners of every change, once', () => {
    const own = createRegistry();
    const seen: string[] = [];
    const stop = own.onChange(({ add, remove }) => seen.push(`+${add.length} -${remove.length}`));
    const before = own.generation;
    own.change({ add: [custom('v1'), custom('v2')] });
    own.add(custom('v1', { shortNames: ['sl'] }));
    stop();
    own.remove(custom('v1'));
    assert.deepEqual(seen, ['+2 -0', '+1 -0']);
    assert.equal(own.generation, before + 3);
  });

  it('finds a kind under its new name only, when the name changes', () => {
    const own = createRegistry();
    own.add(custom('v1'));
    own.add(custom('v1', { kind: 'Jib' }));
    assert.equal(own.byKind('demo.example.com', 'v1', 'Sail'), undefined);
    assert.equal(own.byKind('demo.example.com', 'v1', 'Jib')?.resource, 'sails');
  });

  it('lists groups that joined after the built-in ones, by name', () => {
    const own = createRegistry();
    own.add(custom('v1', { group: 'z.example.com' }));
    own.add(custom('v1', { group: 'a.example.com' }));
    const names = apiGroupList(own, everything).groups.map(({ name }) => name);
    assert.deepEqual(names.slice(-2), ['a.example.com', 'z.example.com']);
    assert.equal(names[0], 'apiregistration.k8s.io');
    assert.equal(aggregatedDiscovery(own, everything, false).items.at(-1)?.metadata.name, 'z.example.com');
  });

  it('publishes the schema of a kind that joined', () => {
    const own = createRegistry();
    own.add(custom('v1'));
    const name = 'com.example.demo.v1.Sail';
    const v3 = openapiV3({ registry: own, served: everything }, { group: 'demo.example.com', version: 'v1' });
    assert.ok(v3);
    const { schemas } = v3['components'] as { schemas: Record<string, Record<string, unknown>> };
    assert.deepEqual(Object.keys(schemas[name]?.['properties'] as object), [
      'apiVersion',
      'kind',
      'metadata',
      'spec',
    ]);
    assert.ok(schemas[`${name}List`]);
    const paths = JSON.stringify(v3['paths']);
    assert.ok(paths.includes(`#/components/schemas/${name}"`));
    const v2 = openapiV2({ registry: own, served: everything });
    assert.ok((v2['definitions'] as Record<string, unknown>)[name]);
  });
});

describe('the order of versions', () => {
  const sorted = [
    'v10',
    'v2',
    'v1',
    'v11beta2',
    'v10beta3',
    'v3beta1',
    'v12alpha1',
    'v11alpha2',
    'foo1',
    'foo10',
  ];
  it('is stable, beta, alpha, others', () => {
    assert.deepEqual([...sorted].reverse().sort(compareVersions), sorted);
  });
});
