/**
 * Scheduler and controllers together on a real API server over Debian's etcd, with nodes that exist only as objects.
 */
import { type Deployment, type Pod, resources } from '@timonier/api';
import {
  type ApiClient,
  type CatchingInformer,
  createInformer,
  isNotFound,
  type KubeObject,
  type Office,
  type Stoppable,
} from '@timonier/client';
import { startCloudControllers } from '@timonier/cloud';
import { Health } from '@timonier/component';
import { startControllers } from '@timonier/controllers';
import { startScheduler } from '@timonier/scheduler';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { activeAs, FakeOffice } from '../../../packages/apiserver/src/testing/fake-office.ts';
import {
  startApiServer,
  type TestServer,
  until as eventually,
} from '../../../packages/apiserver/src/testing/harness.ts';
import { startEtcd } from '../../../packages/apiserver/src/testing/real-etcd.ts';
import { ObjectNodes } from './nodes.ts';
import { clientOf, silent } from './world.ts';

const waitMs = 120_000;

/** Starts the three loops, each with its own identity, and returns what stops them. */
async function startLoops(server: TestServer, office?: Office): Promise<Stoppable> {
  const identities = ['scheduler', 'controller-manager', 'cloud-controller-manager'];
  const clients = await Promise.all(
    identities.map((identity) => clientOf(server, identity, office !== undefined)),
  );
  const contexts = clients.map((client) => ({
    client,
    office,
    log: silent,
    metrics: new Registry(),
    health: new Health(),
  }));
  const [scheduler, controllers, cloud] = contexts;
  assert.ok(scheduler && controllers && cloud);
  const running = [
    startScheduler(scheduler),
    startControllers(controllers, { nodeMonitorGraceMs: 8_000, defaultEvictionMs: 200, rootCa: 'PEM' }),
    startCloudControllers(cloud),
  ];
  return {
    stop: async () => {
      await Promise.all(running.map((loop) => loop.stop()));
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

interface World {
  readonly server: TestServer;
  readonly client: ApiClient;
  readonly nodes: ObjectNodes;
}

/** What a test starts is ended last first, the store last of all. */
interface Ending {
  after(stop: () => Promise<unknown>): void;
}

async function startWorld(
  t: Ending & Parameters<typeof startEtcd>[0],
  endpoint: string,
  office?: Office,
): Promise<World> {
  const server = await startApiServer(t, { endpoint, ...(office === undefined ? {} : { office }) });
  const client = await clientOf(server, 'admin');
  const nodes = new ObjectNodes(client);
  t.after(async () => {
    await nodes.stop();
    await client.close();
  });
  return { server, client, nodes };
}

function endingOf(stack: AsyncDisposableStack): Ending & Parameters<typeof startEtcd>[0] {
  return {
    after: (stop?: unknown) => {
      if (typeof stop !== 'function') return;
      stack.defer(async () => {
        await (stop as () => unknown)();
      });
    },
  };
}

async function until(
  informer: CatchingInformer<KubeObject>,
  what: string,
  condition: () => boolean,
): Promise<void> {
  assert.ok(await informer.until(condition, new AbortController().signal, waitMs), `not in time: ${what}`);
}

function deployment(name: string, replicas: number): Deployment {
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'v1' }] } },
    },
  };
}

/** Places a pod on each: before that the scheduler may not have heard of one. */
async function everyNodeTakesPods(
  client: ApiClient,
  pods: CatchingInformer<Pod>,
  names: readonly string[],
): Promise<void> {
  const key = (name: string) => ({ namespace: 'default', name: `first-on-${name}` });
  for (const name of names)
    await client.create(resources.pods, {
      metadata: key(name),
      spec: {
        nodeSelector: { 'kubernetes.io/hostname': name },
        containers: [{ name: 'c', image: 'v1' }],
      },
    });
  const isTaken = (name: string): boolean => pods.get(key(name))?.spec?.nodeName === name;
  await until(pods, 'a pod on each node', () => names.every(isTaken));
}

const living = (pods: CatchingInformer<Pod>, app: string): Pod[] =>
  pods
    .list()
    .filter(({ metadata }) => metadata?.labels?.['app'] === app && metadata.deletionTimestamp === undefined);

const imageOf = (pod: Pod): string | undefined => pod.spec?.containers[0]?.image;

test('a Deployment is placed, served, rolled, scaled, survives a lost node, and leaves nothing behind', async () => {
  await using started = new AsyncDisposableStack();
  const t = endingOf(started);
  const { endpoint } = await startEtcd(t);
  const { server, client, nodes } = await startWorld(t, endpoint);
  const loops = await startLoops(server);
  t.after(() => loops.stop());
  for (const name of ['n1', 'n2', 'n3']) await nodes.add(name);
  const { pods } = nodes;
  await everyNodeTakesPods(client, pods, ['n1', 'n2', 'n3']);
  const deployments = createInformer(client, resources.deployments);
  const sets = createInformer(client, resources.replicasets);
  const slices = createInformer(client, resources.endpointslices);
  const watchedNodes = createInformer(client, resources.nodes);
  t.after(() => Promise.all([deployments, sets, slices, watchedNodes].map((informer) => informer.stop())));
  const web = { namespace: 'default', name: 'web' };
  const available = (): number => deployments.get(web)?.status?.availableReplicas ?? 0;
  const settled = (): boolean => {
    const { metadata, spec, status } = deployments.get(web) ?? {};
    return (
      status?.observedGeneration === metadata?.generation &&
      status?.updatedReplicas === status?.replicas &&
      available() === spec?.replicas
    );
  };

  await client.create(resources.services, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  });
  await client.create(resources.deployments, deployment('web', 4));
  await until(deployments, '4 available', () => available() === 4);
  // Each watch is told by a connection of its own.
  const placed = (): (string | undefined)[] => living(pods, 'web').map((pod) => pod.spec?.nodeName);
  await until(pods, '4 placed', () => placed().filter((name) => name !== undefined).length === 4);
  assert.equal(new Set(placed()).size, 3, 'pods are on all three nodes');
  const ready = (): number =>
    slices
      .list()
      .filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === 'web')
      .flatMap(({ endpoints }) => endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready === true).length;
  await until(slices, '4 ready endpoints', () => ready() === 4);
  const ranges = (): (string | undefined)[] => watchedNodes.list().map(({ spec }) => spec?.podCIDR);
  await until(watchedNodes, '3 ranges', () => ranges().filter((range) => range !== undefined).length === 3);
  assert.deepEqual(
    ranges().toSorted((a = '', b = '') => (a < b ? -1 : 1)),
    ['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24'],
  );

  const image = { spec: { template: { spec: { containers: [{ name: 'c', image: 'v2' }] } } } };
  await client.patch(resources.deployments, web, 'strategic', image);
  await until(pods, 'all pods are v2', () => {
    const images = living(pods, 'web').map(imageOf);
    return images.length === 4 && images.every((each) => each === 'v2');
  });
  await until(deployments, 'the rollout settles', settled);
  assert.equal(deployments.get(web)?.metadata?.annotations?.['deployment.kubernetes.io/revision'], '2');

  await client.patch(resources.deployments, web, 'merge', { spec: { replicas: 6 } });
  await until(deployments, '6 available', () => available() === 6);

  nodes.lose('n3');
  await until(pods, 'pods of the lost node are replaced', () => {
    const running = living(pods, 'web');
    return running.length === 6 && running.every((pod) => pod.spec?.nodeName !== 'n3');
  });

  await client.delete(resources.deployments, web, { propagationPolicy: 'Background' });
  await until(pods, 'no pod is left', () => living(pods, 'web').length === 0);
  await until(sets, 'no set is left', () => sets.size === 0);

  await client.create(resources.namespaces, { metadata: { name: 'brief' } });
  await client.create(resources.deployments, {
    ...deployment('x', 1),
    metadata: { name: 'x', namespace: 'brief' },
  });
  await until(pods, 'a pod in the namespace', () => living(pods, 'x').length === 1);
  await client.delete(resources.namespaces, { name: 'brief' });
  const deadline = Date.now() + waitMs;
  for (let gone = false; !gone;) {
    assert.ok(Date.now() < deadline, 'the namespace does not go');
    gone = await client.get(resources.namespaces, { name: 'brief' }).then(
      () => new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 50)),
      (error: unknown) => isNotFound(error),
    );
  }
});

test('loops of a passive master do nothing, act when it takes office, and are refused once another epoch holds', async () => {
  await using started = new AsyncDisposableStack();
  const t = endingOf(started);
  const { endpoint } = await startEtcd(t);
  const take = (token: string): number => {
    const args = [`--endpoints=${endpoint}`, 'put', '/timonier/office', token, '--write-out=json'];
    const out = execFileSync('etcdctl', args, {
      env: { ...process.env, ETCDCTL_API: '3' },
      encoding: 'utf8',
    });
    return (JSON.parse(out) as { header: { revision: number } }).header.revision;
  };
  const revision = take('7@master-1');
  const serverOffice = new FakeOffice({ ...activeAs('7@master-1'), revision });
  const { server, client, nodes } = await startWorld(t, endpoint, serverOffice);
  const loopsOffice = new FakeOffice({ ...activeAs('7@master-1'), role: 'passive', token: null });
  const loops = await startLoops(server, loopsOffice);
  t.after(() => loops.stop());
  await nodes.add('n1');
  await client.create(resources.deployments, deployment('web', 2));
  const { pods } = nodes;
  const idle = await pods.until(() => pods.size > 0, new AbortController().signal, 1_500);
  assert.equal(idle, false, 'passive loops create nothing');

  loopsOffice.set({ ...activeAs('7@master-1'), revision });
  await until(
    pods,
    '2 placed pods',
    () => living(pods, 'web').filter((pod) => pod.spec?.nodeName === 'n1').length === 2,
  );

  // A newer epoch begins; the loops have not heard of it yet.
  const next = take('8@master-1');
  serverOffice.set({ ...activeAs('8@master-1'), revision: next });
  // The end of an office resets connections, and a write whose answer was lost is the caller's to repeat.
  const scale = (): Promise<unknown> =>
    client.patch(resources.deployments, { namespace: 'default', name: 'web' }, 'merge', {
      spec: { replicas: 5 },
    });
  await scale().catch(scale);
  // The loops have to find a new connection before they can try.
  const isRefused = async (): Promise<boolean> =>
    /stage="(gate|commit)"\} [1-9]/.test(
      await server.metrics.getSingleMetricAsString('timonier_fence_rejections_total'),
    );
  await eventually(isRefused, 'a write of the old office is refused');
  const grown = await pods.until(() => living(pods, 'web').length > 2, new AbortController().signal, 1_500);
  assert.equal(grown, false, 'writes of an office that is over are refused');
});
