/** Where the scheduler puts pods, and where not. */
import { expect } from '../../../acceptance/wait.ts';
import { pod, workload } from '../manifests.ts';
import { isTrue, type Json, type Sentence } from '../world.ts';
import { dedicated, onDedicated } from './nodes.ts';

const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;
const unschedulable = (json: Json): boolean =>
  json.status.conditions?.some(
    (one: Json) => one.type === 'PodScheduled' && one.status === 'False' && one.reason === 'Unschedulable',
  );
const runs = (json: Json): boolean => isTrue(json, 'Ready');

export const scheduling: readonly Sentence[] = [
  {
    name: 'a pod waits for a node with the labels that it selects',
    run: async (world, namespace) => {
      const [node] = (await world.get('/api/v1/nodes?labelSelector=pool%3Dmain')).items;
      const label = `example.com/${namespace}`;
      await world.create(pods(namespace), pod('picky', { spec: { nodeSelector: { [label]: 'yes' } } }));
      await world.shows(`${pods(namespace)}/picky`, 'it finds no node', unschedulable);
      await world.patch(`/api/v1/nodes/${node.metadata.name}`, { metadata: { labels: { [label]: 'yes' } } });
      const { spec } = await world.shows(`${pods(namespace)}/picky`, 'it runs', runs);
      expect(spec.nodeName === node.metadata.name, `it runs on ${spec.nodeName}`);
      await world.patch(`/api/v1/nodes/${node.metadata.name}`, { metadata: { labels: { [label]: null } } });
    },
  },
  {
    name: 'pods that exclude each other run on different nodes, and those that seek each other on one',
    run: async (world, namespace) => {
      const nodes = (await world.get('/api/v1/nodes?labelSelector=pool%3Dmain')).items.length;
      const term = (app: string) => [
        { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app } } },
      ];
      const rule = 'requiredDuringSchedulingIgnoredDuringExecution';
      const sets = `/apis/apps/v1/namespaces/${namespace}/replicasets`;
      await world.create(
        sets,
        workload(
          'ReplicaSet',
          'apart',
          { replicas: nodes + 1 },
          {
            spec: {
              nodeSelector: { pool: 'main' },
              affinity: { podAntiAffinity: { [rule]: term('apart') } },
            },
          },
        ),
      );
      await world.shows(
        `${sets}/apart`,
        'one runs on each node',
        ({ status }) => status.readyReplicas === nodes,
      );
      const apart = await world.pods(namespace, 'app=apart');
      expect(apart.filter(unschedulable).length === 1, 'one is left without a node');
      const on = apart.flatMap(({ spec }) => spec.nodeName ?? []);
      expect(new Set(on).size === nodes, `they run on ${on.join(', ')}`);
      await world.create(
        sets,
        workload(
          'ReplicaSet',
          'together',
          { replicas: 3 },
          {
            spec: { nodeSelector: { pool: 'main' }, affinity: { podAffinity: { [rule]: term('together') } } },
          },
        ),
      );
      await world.shows(`${sets}/together`, 'all run', ({ status }) => status.readyReplicas === 3);
      const together = (await world.pods(namespace, 'app=together')).map(
        ({ spec }) => spec.nodeName as string,
      );
      expect(new Set(together).size === 1, `they run on ${together.join(', ')}`);
    },
  },
  {
    name: 'pods are spread as evenly as they ask to be',
    run: async (world, namespace) => {
      const nodes = (await world.get('/api/v1/nodes?labelSelector=pool%3Dmain')).items.length;
      const sets = `/apis/apps/v1/namespaces/${namespace}/replicasets`;
      await world.create(
        sets,
        workload(
          'ReplicaSet',
          'even',
          { replicas: 2 * nodes },
          {
            spec: {
              nodeSelector: { pool: 'main' },
              topologySpreadConstraints: [
                {
                  maxSkew: 1,
                  topologyKey: 'kubernetes.io/hostname',
                  whenUnsatisfiable: 'DoNotSchedule',
                  labelSelector: { matchLabels: { app: 'even' } },
                },
              ],
            },
          },
        ),
      );
      await world.shows(`${sets}/even`, 'all run', ({ status }) => status.readyReplicas === 2 * nodes);
      const on = (await world.pods(namespace, 'app=even')).map(({ spec }) => spec.nodeName as string);
      const each = [...new Set(on)].map((node) => on.filter((one) => one === node).length);
      expect(each.length === nodes && each.every((count) => count === 2), `on ${on.sort().join(', ')}`);
    },
  },
  {
    name: 'a pod with gates is not scheduled before the last of them is gone',
    run: async (world, namespace) => {
      const schedulingGates = [{ name: 'example.com/first' }, { name: 'example.com/second' }];
      const path = `${pods(namespace)}/gated`;
      await world.create(
        pods(namespace),
        pod('gated', { spec: { nodeSelector: { pool: 'main' }, schedulingGates } }),
      );
      const isGated = (json: Json): boolean =>
        json.status.conditions?.some((one: Json) => one.reason === 'SchedulingGated');
      await world.shows(path, 'it says that it is gated', isGated);
      await world.patch(path, { spec: { schedulingGates: [schedulingGates[1]] } });
      expect(isGated(await world.get(path)), 'one gate is enough');
      await world.patch(path, { spec: { schedulingGates: null } });
      await world.shows(path, 'it runs', runs);
    },
  },
  {
    name: 'a pod of a higher priority takes the place of one of a lower, and says where it will run',
    run: async (world, namespace) => {
      await world.kubelets.add('crowded-1', dedicated('crowded-1'));
      const priorities = '/apis/scheduling.k8s.io/v1/priorityclasses';
      for (const [name, value] of [
        ['low', 10],
        ['high', 1_000],
      ] as const)
        await world.create(priorities, { metadata: { name: `${namespace}-${name}` }, value });
      const important = (name: 'low' | 'high', index: number) =>
        pod(`${name}-${index}`, {
          cpu: '1500m',
          spec: { ...onDedicated('crowded-1'), priorityClassName: `${namespace}-${name}` },
        });
      for (const i of [1, 2]) {
        await world.create(pods(namespace), important('low', i));
        await world.shows(`${pods(namespace)}/low-${i}`, 'it runs', runs);
      }
      await world.create(pods(namespace), important('low', 3));
      await world.shows(`${pods(namespace)}/low-3`, 'the node is full', unschedulable);
      await world.create(pods(namespace), important('high', 1));
      await world.shows(`${pods(namespace)}/high-1`, 'it runs', runs);
      const left = (await world.pods(namespace)).filter(({ metadata }) => metadata.name.startsWith('low'));
      expect(left.filter(runs).length === 1, `${left.length} of the lower priority are left`);
      const events = await world.shows(
        `/apis/events.k8s.io/v1/namespaces/${namespace}/events`,
        'an event tells of it',
        ({ items }) => items.some(({ reason }: Json) => reason === 'Preempted'),
      );
      expect(
        events.items.some(
          ({ reason, reportingController }: Json) =>
            reason === 'Preempted' && reportingController === 'default-scheduler',
        ),
        'it is the scheduler’s',
      );
      for (const name of ['low', 'high']) await world.remove(`${priorities}/${namespace}-${name}`);
    },
  },
  {
    name: 'a pod that does not tolerate a taint stays away from it',
    run: async (world, namespace) => {
      const { nodeSelector } = onDedicated('crowded-1');
      await world.create(
        pods(namespace),
        pod('intolerant', { spec: { nodeSelector: { ...nodeSelector, pool: 'tainted' } } }),
      );
      const name = `tainted-${namespace}`;
      await world.create('/api/v1/nodes', {
        metadata: { name, labels: { pool: 'tainted' } },
        spec: { taints: [{ key: 'example.com/reserved', effect: 'NoSchedule' }] },
      });
      const seen = await world.shows(`${pods(namespace)}/intolerant`, 'it finds no node', (json) =>
        json.status.conditions?.some((one: Json) => String(one.message).includes('taint')),
      );
      expect(seen.spec.nodeName === undefined, 'it is nowhere');
      await world.remove(`/api/v1/nodes/${name}`);
    },
  },
];
