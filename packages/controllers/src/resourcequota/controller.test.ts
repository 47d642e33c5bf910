import { type ResourceQuota, resources } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Monitored, ResourceMonitor } from '../garbagecollector/monitor.ts';
import type { MemoryApi } from '../memory-api.ts';
import { inLoopWorld, type LoopWorld } from '../memory-loop.ts';
import { startResourceQuotaController } from './controller.ts';

const never = new AbortController().signal;
const key = { namespace: 'n', name: 'q' };

/** What the controller is told of the kinds that its caches hold. */
function monitorOf({ informers }: LoopWorld): ResourceMonitor {
  const { pods, services, serviceaccounts } = informers;
  const monitored = [pods, services, serviceaccounts].map((informer) => ({
    type: { ...informer.type, verbs: ['list', 'watch', 'delete'] },
    informer,
  })) as unknown as Monitored[];
  return { monitored, onAdded: () => () => undefined } as unknown as ResourceMonitor;
}

function putQuota(api: MemoryApi, hard: Record<string, string>, used?: Record<string, string>): void {
  api.put(resources.resourcequotas, {
    metadata: { ...key, uid: 'q' },
    spec: { hard },
    ...(used === undefined ? {} : { status: { hard, used } }),
  });
}

const putPod = (api: MemoryApi, name: string, status: object = {}): void => {
  api.put(resources.pods, { metadata: { name, namespace: 'n' }, spec: { containers: [] }, status });
};

async function shows(
  { informers }: LoopWorld,
  expected: NonNullable<ResourceQuota['status']>['used'],
): Promise<void> {
  const used = (): object => informers.resourcequotas.get(key)?.status?.used ?? {};
  const isSo = (): boolean => JSON.stringify(used()) === JSON.stringify(expected);
  const came = await informers.resourcequotas.until(isSo, never, 30_000);
  assert.ok(came, `${JSON.stringify(used())} and not ${JSON.stringify(expected)}`);
}

test('usage is counted once a quota is there, and follows what goes, ends and comes', async () => {
  await inLoopWorld(
    {},
    (api) => {
      putPod(api, 'a');
      putPod(api, 'b');
      api.put(resources.services, { metadata: { name: 's', namespace: 'other' } });
      putQuota(api, { pods: '5', services: '1', 'count/unknown.example.com': '3' });
    },
    async (world) => {
      const { api } = world;
      world.begin((context) => startResourceQuotaController(context, monitorOf(world)));
      await shows(world, { pods: '2', services: '0' });
      api.remove(resources.pods, 'n/a');
      await shows(world, { pods: '1', services: '0' });
      putPod(api, 'b', { phase: 'Failed' });
      await shows(world, { pods: '0', services: '0' });
      putPod(api, 'c');
      await shows(world, { pods: '1', services: '0' });
    },
  );
});

test('a cache that lags behind a charge does not take the charge off', async () => {
  await inLoopWorld(
    {},
    (api) => putQuota(api, { pods: '5' }, { pods: '0' }),
    async (world) => {
      const { api, informers } = world;
      world.begin((context) => startResourceQuotaController(context, monitorOf(world)));
      // What the API server does in one transaction; the cache of pods does not hear of it.
      api.lagging.add('pods');
      putPod(api, 'new');
      putQuota(api, { pods: '6' }, { pods: '1' });
      api.calls.length = 0;
      putQuota(api, { pods: '7', services: '1' }, { pods: '1' });
      await shows(world, { pods: '1', services: '0' });
      assert.equal(informers.pods.size, 0, 'the cache of pods still lags');
    },
  );
});
