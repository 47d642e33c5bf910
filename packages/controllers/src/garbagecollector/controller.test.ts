import { type KubeObject, keyOf, type ResourceType } from '@timonier/client';
import { resources } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OwnedMetadata, ServedResource } from '../discovery.ts';
import type { MemoryApi } from '../memory-api.ts';
import { inLoopWorld, type LoopWorld } from '../memory-loop.ts';
import { sameOwnership, startGarbageCollector } from './controller.ts';
import type { Monitored, ResourceMonitor } from './monitor.ts';

const never = new AbortController().signal;

/** What the collector sees of the kinds that the controllers' caches hold. */
function monitorOf({ informers }: LoopWorld): ResourceMonitor {
  const { pods, nodes, leases, services } = informers;
  const monitored = [pods, nodes, leases, services].map((informer) => ({
    type: { ...informer.type, verbs: ['list', 'watch', 'delete'] },
    informer,
  })) as unknown as Monitored[];
  const types: ServedResource[] = monitored.map(({ type }) => type);
  return {
    monitored,
    onAdded: () => () => undefined,
    get: () => Promise.resolve(types),
  } as unknown as ResourceMonitor;
}

function put(api: MemoryApi, type: ResourceType, key: string, owner?: KubeObject): KubeObject {
  const [namespace, name = ''] = key.includes('/') ? key.split('/') : [undefined, key];
  const reference = {
    apiVersion: 'v1',
    kind: owner?.kind ?? '',
    name: owner?.metadata?.name ?? '',
    uid: owner?.metadata?.uid ?? '',
  };
  const object: OwnedMetadata = {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(owner === undefined ? {} : { ownerReferences: [reference] }),
    },
  };
  return api.put(type, object);
}

const deleted = (api: MemoryApi): string[] =>
  api.calls.filter(({ verb }) => verb === 'delete').map(({ resource, key }) => `${resource} ${key}`);

test('a node takes its lease with it', async () => {
  await inLoopWorld(
    {},
    (api) => {
      const node = put(api, resources.nodes, 'n');
      put(api, resources.leases, 'kube-node-lease/n', node);
    },
    async (world) => {
      const { api, informers } = world;
      world.begin((context) => startGarbageCollector(context, monitorOf(world)));
      api.remove(resources.nodes, 'n');
      assert.ok(await informers.leases.until(() => informers.leases.size === 0, never, 30_000));
    },
  );
});

test('an owner in another namespace is none: the object goes, with a word about why', async () => {
  await inLoopWorld(
    {},
    (api) => {
      const owner = put(api, resources.services, 'a/owner');
      put(api, resources.services, 'b/stranger', owner);
      put(api, resources.services, 'a/child', owner);
    },
    async (world) => {
      const { api, informers } = world;
      const collector = world.begin((context) => startGarbageCollector(context, monitorOf(world)));
      const stranger = (): boolean =>
        informers.services.get({ namespace: 'b', name: 'stranger' }) === undefined;
      assert.ok(await informers.services.until(stranger, never, 30_000));
      await collector.stop();
      assert.deepEqual(deleted(api), ['services b/stranger']);
      const told = api.calls.filter(({ verb, resource }) => verb === 'create' && resource === 'events');
      assert.equal(told.length, 1);
      assert.match(JSON.stringify(told[0]?.body), /OwnerRefInvalidNamespace/);
      assert.ok(api.find(resources.services, keyOf({ namespace: 'a', name: 'child' })));
    },
  );
});

test('only what the collector decides by counts as a change', () => {
  const base: OwnedMetadata = {
    metadata: {
      uid: 'u',
      resourceVersion: '1',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'o' }],
    },
  };
  const changed = (metadata: OwnedMetadata['metadata'] & object): OwnedMetadata => ({
    metadata: { ...base.metadata, ...metadata },
  });
  for (const [other, same] of [
    [changed({ resourceVersion: '2', labels: { a: 'b' } }), true],
    [changed({ deletionTimestamp: '2026-01-01T00:00:00Z' }), false],
    [changed({ finalizers: ['orphan'] }), false],
    [changed({ ownerReferences: [] }), false],
    [changed({ uid: 'v' }), false],
  ] as const) {
    assert.equal(sameOwnership(base, other), same);
  }
});
