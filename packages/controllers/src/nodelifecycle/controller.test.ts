import { type Lease, type Node, type Pod, resources } from '@timonier/api';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemoryApi } from '../memory-api.ts';
import { inLoopWorld } from '../memory-loop.ts';
import { podCondition } from '../pods.ts';
import { startNodeLifecycleController } from './controller.ts';

const never = new AbortController().signal;
const unreachable = 'node.kubernetes.io/unreachable';
const settings = { nodeMonitorGraceMs: 300, defaultEvictionMs: 50 };

function addNode(api: MemoryApi, name: string, ready: 'True' | 'Unknown' = 'True'): void {
  const conditions: NonNullable<Node['status']>['conditions'] = [{ type: 'Ready', status: ready }];
  const taints =
    ready === 'True' ? {} : { spec: { taints: [{ key: unreachable, effect: 'NoExecute' as const }] } };
  api.put(resources.nodes, { metadata: { name }, ...taints, status: { conditions } });
  const pod: Pod = {
    metadata: { name: `on-${name}`, namespace: 'a' },
    spec: { nodeName: name, containers: [] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  };
  api.put(resources.pods, pod);
}

let renewals = 0;

function renew(api: MemoryApi, name: string): void {
  const lease: Lease = {
    metadata: { name, namespace: 'kube-node-lease' },
    spec: { renewTime: new Date(++renewals).toISOString(), holderIdentity: name },
  };
  api.put(resources.leases, lease);
}

/**
 * Renews the leases of these nodes until it is stopped: every now and then, and whenever somebody looks at one, so that no
 * node seems silent because this process was.
 */
function keepAlive(api: MemoryApi, ...names: string[]): () => void {
  const beat = (): void => names.forEach((name) => renew(api, name));
  beat();
  const { refuse } = api;
  api.refuse = (call) => {
    const { verb, resource, key } = call;
    if (verb === 'get' && resource === 'leases')
      for (const name of names) if (key === `kube-node-lease/${name}`) renew(api, name);
    refuse(call);
  };
  const timer = setInterval(beat, 20);
  return () => clearInterval(timer);
}

const taintsOf = (api: MemoryApi, name: string): string[] =>
  (api.find(resources.nodes, name)?.spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`);

test('pods of a node that falls silent lose readiness, then go without grace; those of others stay', async () => {
  await inLoopWorld(
    settings,
    (api) => ['a', 'b'].forEach((name) => addNode(api, name)),
    async ({ api, informers, begin }) => {
      const stopBeating = keepAlive(api, 'b');
      try {
        begin(startNodeLifecycleController);
        const gone = (): boolean => informers.pods.get({ namespace: 'a', name: 'on-a' }) === undefined;
        assert.ok(await informers.pods.until(gone, never, 30_000));
        assert.deepEqual(taintsOf(api, 'a'), [`${unreachable}:NoSchedule`, `${unreachable}:NoExecute`]);
        assert.ok(api.find(resources.pods, 'a/on-b'));
        assert.deepEqual(
          api.calls
            .filter(({ resource, verb }) => resource === 'pods' && verb !== 'list')
            .map(({ verb, key, body }) => [
              verb,
              key,
              (body as { gracePeriodSeconds?: 0 }).gracePeriodSeconds,
            ]),
          [
            ['patch', 'a/on-a', undefined],
            ['delete', 'a/on-a', 0],
          ],
        );
      } finally {
        stopBeating();
      }
    },
  );
});

test('a cache that lags condemns nobody: the API server is asked first', async () => {
  await inLoopWorld(
    settings,
    (api) => ['a', 'b'].forEach((name) => addNode(api, name)),
    async ({ api, begin }) => {
      const stopBeating = keepAlive(api, 'a', 'b');
      try {
        api.silent = true;
        begin(startNodeLifecycleController);
        const asked = (): boolean => api.calls.filter(({ verb }) => verb === 'get').length >= 4;
        const deadline = performance.now() + 30_000;
        while (!asked() && performance.now() < deadline)
          await new Promise((resolve) => setImmediate(resolve));
        assert.ok(asked(), 'both leases were read twice');
        assert.deepEqual([...taintsOf(api, 'a'), ...taintsOf(api, 'b')], []);
      } finally {
        stopBeating();
      }
    },
  );
});

test('when every node falls silent no pod goes, and when one is back only the others lose theirs', async () => {
  await inLoopWorld(
    // Nobody's pods may be due before the last of the nodes is found silent, however late that is looked at.
    { ...settings, defaultEvictionMs: 2_000 },
    (api) => ['a', 'b', 'c'].forEach((name) => addNode(api, name)),
    async ({ api, informers, begin }) => {
      begin(startNodeLifecycleController);
      const silentNodes = (): boolean =>
        informers.nodes.list().every((node) => taintsOf(api, node.metadata?.name ?? '').length > 0);
      assert.ok(await informers.nodes.until(silentNodes, never, 30_000));
      const driven = (): boolean =>
        ['a', 'b', 'c'].some((name) => taintsOf(api, name).includes(`${unreachable}:NoExecute`));
      assert.ok(await informers.nodes.until(() => !driven(), never, 30_000));
      assert.equal(api.all(resources.pods).length, 3);
      const stopBeating = keepAlive(api, 'b', 'c');
      try {
        for (const name of ['b', 'c']) {
          const node = api.find(resources.nodes, name);
          const lastHeartbeatTime = new Date().toISOString();
          const conditions = [{ type: 'Ready', status: 'True' as const, lastHeartbeatTime }];
          api.put(resources.nodes, { ...node, status: { conditions } });
        }
        assert.ok(await informers.pods.until(() => informers.pods.size === 2, never, 30_000));
        assert.equal(api.find(resources.pods, 'a/on-a'), undefined);
        assert.ok(await informers.nodes.until(() => taintsOf(api, 'b').length === 0, never, 30_000));
      } finally {
        stopBeating();
      }
    },
  );
});

test('a new term grants a node that an earlier one gave up its grace period', async () => {
  await inLoopWorld(
    { ...settings, nodeMonitorGraceMs: 600_000, defaultEvictionMs: 0 },
    (api) => {
      addNode(api, 'a', 'Unknown');
      addNode(api, 'b');
    },
    async ({ api, informers, begin }) => {
      begin(startNodeLifecycleController);
      const marked = (): boolean => {
        const pod = informers.pods.get({ namespace: 'a', name: 'on-a' });
        return pod !== undefined && podCondition(pod, 'Ready')?.status === 'False';
      };
      assert.ok(await informers.pods.until(marked, never, 30_000));
      assert.ok(taintsOf(api, 'a').includes(`${unreachable}:NoExecute`), 'its taint is kept');
      assert.deepEqual(
        api.calls.filter(({ verb }) => verb === 'delete'),
        [],
      );
    },
  );
});

test('one pod that cannot be written keeps no other from being evicted', async () => {
  await inLoopWorld(
    settings,
    (api) => {
      ['a', 'b'].forEach((name) => addNode(api, name));
      const pod = api.find(resources.pods, 'a/on-a');
      for (const name of ['x', 'y']) {
        api.put(resources.pods, { ...pod, metadata: { name, namespace: 'a' } });
      }
      api.refuse = ({ verb, key }) => {
        if (key === 'a/on-a' && verb !== 'list') throw new Error('no');
      };
    },
    async ({ api, informers, begin }) => {
      const stopBeating = keepAlive(api, 'b');
      try {
        begin(startNodeLifecycleController);
        assert.ok(await informers.pods.until(() => informers.pods.size === 2, never, 30_000));
        assert.ok(api.find(resources.pods, 'a/on-a'));
      } finally {
        stopBeating();
      }
    },
  );
});
