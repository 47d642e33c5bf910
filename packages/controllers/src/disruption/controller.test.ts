import { type Pod, type PodDisruptionBudget, resources } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure, type MemoryApi } from '../memory-api.ts';
import { inLoopWorld, type LoopWorld } from '../memory-loop.ts';
import type { OwnerLike } from '../owner.ts';
import { startDisruptionController } from './controller.ts';

const never = new AbortController().signal;
const labels = { app: 'kept' };

function addBudget(api: MemoryApi, spec: PodDisruptionBudget['spec']): void {
  const metadata = { name: 'kept', namespace: 'a', generation: 1 };
  api.put(resources.poddisruptionbudgets, { metadata, spec: { selector: { matchLabels: labels }, ...spec } });
}

const ownerOf = (apiVersion: string, kind: string, name: string): OwnerLike => ({
  apiVersion,
  kind,
  name,
  uid: `uid-${name}`,
  controller: true,
});

function addPod(api: MemoryApi, name: string, owner?: OwnerLike, more: Partial<Pod['metadata']> = {}): Pod {
  return api.put(resources.pods, {
    metadata: {
      name,
      namespace: 'a',
      labels,
      ...(owner === undefined ? {} : { ownerReferences: [owner] }),
      ...more,
    },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  });
}

/** A Deployment in the middle of a rollout: two ReplicaSets, with pods of both. */
function addRollout(api: MemoryApi): void {
  api.put(resources.deployments, {
    metadata: { name: 'web', namespace: 'a', uid: 'uid-web' },
    spec: { replicas: 4, selector: {}, template: {} },
  });
  for (const [name, replicas] of [
    ['old', 3],
    ['new', 2],
  ] as const) {
    api.put(resources.replicasets, {
      metadata: {
        name,
        namespace: 'a',
        uid: `uid-${name}`,
        ownerReferences: [ownerOf('apps/v1', 'Deployment', 'web')],
      },
      spec: { replicas, selector: {} },
    });
    for (let i = 0; i < replicas; i++) addPod(api, `${name}-${i}`, ownerOf('apps/v1', 'ReplicaSet', name));
  }
}

type Status = NonNullable<PodDisruptionBudget['status']>;

async function settles(
  { informers }: Pick<LoopWorld, 'informers'>,
  what: string,
  condition: (status: Status) => boolean,
): Promise<Status> {
  const status = (): Status => informers.poddisruptionbudgets.list()[0]?.status ?? {};
  const holds = await informers.poddisruptionbudgets.until(() => condition(status()), never, 30_000);
  assert.ok(holds, `${what}: ${JSON.stringify(status())}`);
  return status();
}

test('what a Deployment wants counts once for all its ReplicaSets; a grant and its pod are followed', async () => {
  await inLoopWorld(
    {},
    (api) => {
      addBudget(api, { maxUnavailable: '25%' });
      addRollout(api);
    },
    async ({ api, informers, begin }) => {
      begin((context) => startDisruptionController(context));
      const first = await settles(
        { informers },
        'two may go',
        ({ disruptionsAllowed }) => disruptionsAllowed === 2,
      );
      assert.equal(first.expectedPods, 4);
      assert.equal(first.desiredHealthy, 3);
      const budget = informers.poddisruptionbudgets.list()[0] as PodDisruptionBudget;
      const disruptedPods = { 'old-0': new Date().toISOString() };
      api.put(resources.poddisruptionbudgets, {
        ...budget,
        status: { ...first, disruptionsAllowed: 1, disruptedPods },
      });
      await settles({ informers }, 'it does not count', ({ currentHealthy }) => currentHealthy === 4);
      api.remove(resources.pods, 'a/old-0');
      const gone = await settles({ informers }, 'it is gone', (status) => status.disruptedPods === undefined);
      assert.deepEqual([gone.currentHealthy, gone.disruptionsAllowed], [4, 1]);
    },
  );
});

test('of other owners the Scale is asked; where they have none, that is said', async () => {
  const served = [{ name: 'fleets', kind: 'Fleet' }];
  await inLoopWorld(
    {},
    (api) => {
      addBudget(api, { minAvailable: '50%' });
      addPod(api, 'p', ownerOf('example.com/v1', 'Fleet', 'ships'));
      api.client.request = (_method, path) => {
        assert.equal(path, '/apis/example.com/v1');
        return Promise.resolve({ status: 200, body: Buffer.from(JSON.stringify({ resources: served })) });
      };
      const fleets = {
        group: 'example.com',
        version: 'v1',
        resource: 'fleets',
        kind: 'Fleet',
        namespaced: true,
      };
      api.put(fleets, {
        metadata: { name: 'ships', namespace: 'a', uid: 'uid-ships' },
        spec: { replicas: 3 },
      } as never);
    },
    async ({ api, informers, begin }) => {
      begin((context) => startDisruptionController(context));
      const { conditions } = await settles(
        { informers },
        'it fails',
        ({ conditions }) => conditions?.[0]?.reason === 'SyncFailed',
      );
      assert.equal(conditions?.[0]?.message, 'fleets.example.com does not implement the scale subresource');
      served.push({ name: 'fleets/scale', kind: 'Scale' });
      addPod(api, 'q', ownerOf('example.com/v1', 'Fleet', 'ships'));
      const status = await settles({ informers }, 'it is known', ({ expectedPods }) => expectedPods === 3);
      assert.deepEqual([status.currentHealthy, status.desiredHealthy, status.disruptionsAllowed], [2, 2, 0]);
    },
  );
});

test('while the server does not answer nothing is allowed, and it is asked again', async () => {
  await inLoopWorld(
    {},
    (api) => {
      addBudget(api, { maxUnavailable: 1 });
      addPod(api, 'p', ownerOf('example.com/v1', 'Fleet', 'ships'));
      let calls = 0;
      api.client.request = () => {
        if (calls++ === 0) return Promise.reject(failure(503, 'ServiceUnavailable', 'not now'));
        const list = { resources: [{ name: 'fleets', kind: 'Fleet' }] };
        return Promise.resolve({ status: 200, body: Buffer.from(JSON.stringify(list)) });
      };
    },
    async ({ informers, begin }) => {
      begin((context) => startDisruptionController(context));
      const seen = new Set<string>();
      informers.poddisruptionbudgets.on(({ object }) =>
        seen.add(object.status?.conditions?.[0]?.message ?? ''),
      );
      await settles(
        { informers },
        'it was asked again',
        ({ conditions }) =>
          conditions?.[0]?.message === 'fleets.example.com does not implement the scale subresource',
      );
      assert.deepEqual([...seen][0], 'not now');
    },
  );
});

test('a grant that comes between is not written over', async () => {
  await inLoopWorld(
    {},
    (api) => {
      addBudget(api, { minAvailable: 1 });
      for (const name of ['p', 'q']) addPod(api, name);
    },
    async ({ api, informers, begin }) => {
      let granted = false;
      api.refuse = ({ verb, resource }) => {
        if (verb !== 'update' || resource !== 'poddisruptionbudgets' || granted) return;
        granted = true;
        const budget = api.find(resources.poddisruptionbudgets, 'a/kept') as PodDisruptionBudget;
        const disruptedPods = { p: new Date().toISOString() };
        api.put(resources.poddisruptionbudgets, {
          ...budget,
          status: { disruptionsAllowed: 0, disruptedPods },
        });
      };
      begin((context) => startDisruptionController(context));
      const status = await settles({ informers }, 'it is counted', ({ expectedPods }) => expectedPods === 2);
      assert.deepEqual(Object.keys(status.disruptedPods ?? {}), ['p']);
      assert.equal(status.disruptionsAllowed, 0);
    },
  );
});

test('a pod that is not disturbed after all says so no longer', async () => {
  await inLoopWorld(
    {},
    (api) => {
      const known = addPod(api, 'p');
      const lastTransitionTime = '2026-01-01T00:00:00Z';
      const conditions = [
        ...(known.status?.conditions ?? []),
        {
          type: 'DisruptionTarget',
          status: 'True' as const,
          reason: 'EvictionByEvictionAPI',
          lastTransitionTime,
        },
      ];
      api.put(resources.pods, { ...known, status: { ...known.status, conditions } });
    },
    async ({ informers, begin }) => {
      const before = performance.now();
      const start = Date.parse('2026-01-01T00:01:59.900Z');
      begin((context) => startDisruptionController(context, () => start + performance.now() - before));
      const isOver = (): boolean =>
        informers.pods.list()[0]?.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')
          ?.status === 'False';
      assert.ok(await informers.pods.until(isOver, never, 30_000));
    },
  );
});
