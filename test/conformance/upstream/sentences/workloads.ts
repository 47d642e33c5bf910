/** What keeps pods: Deployments, ReplicaSets, StatefulSets, DaemonSets and controllers of replicas. */
import { expect, until } from '../../../acceptance/wait.ts';
import { pod, workload } from '../manifests.ts';
import { isTrue, type Json, type Sentence, waitMs } from '../world.ts';

const apps = (namespace: string, resource: string): string =>
  `/apis/apps/v1/namespaces/${namespace}/${resource}`;

function rolledOut(replicas: number): (deployment: Json) => boolean {
  return ({ metadata, spec, status }) =>
    status?.observedGeneration === metadata.generation &&
    spec.replicas === replicas &&
    status.replicas === replicas &&
    status.updatedReplicas === replicas &&
    status.availableReplicas === replicas;
}

const image = (value: string) => ({
  spec: { template: { spec: { containers: [{ name: 'main', image: value }] } } },
});

export const workloads: readonly Sentence[] = [
  {
    name: 'a Deployment rolls out, forward and back',
    run: async (world, namespace) => {
      const path = `${apps(namespace, 'deployments')}/web`;
      await world.create(apps(namespace, 'deployments'), workload('Deployment', 'web', { replicas: 3 }));
      await world.shows(path, 'three pods are available', rolledOut(3));
      await world.patch(path, image('registry.example/app:2'), 'strategic');
      const second = await world.shows(path, 'the second version is out', rolledOut(3));
      expect(
        second.metadata.annotations['deployment.kubernetes.io/revision'] === '2',
        `its revision is ${JSON.stringify(second.metadata.annotations)}`,
      );
      expect(isTrue(second, 'Progressing') && isTrue(second, 'Available'), 'its conditions hold');
      const sets = await world.get(apps(namespace, 'replicasets'));
      expect(sets.items.length === 2, `there are ${sets.items.length} ReplicaSets`);
      const first = sets.items.find(
        (set: Json) => set.metadata.annotations['deployment.kubernetes.io/revision'] === '1',
      );
      expect(first?.spec.replicas === 0, 'the first one has no pods left');
      // As `kubectl rollout undo` does it: the old template, without the label that its ReplicaSet has.
      const { 'pod-template-hash': _hash, ...labels } = first.spec.template.metadata.labels;
      const template = { ...first.spec.template, metadata: { ...first.spec.template.metadata, labels } };
      await world.patch(path, [{ op: 'replace', path: '/spec/template', value: template }], 'json');
      await world.shows(
        path,
        'the first version is back as revision 3',
        (json) =>
          rolledOut(3)(json) && json.metadata.annotations['deployment.kubernetes.io/revision'] === '3',
      );
      await world.shows(
        `${apps(namespace, 'replicasets')}/${first.metadata.name}`,
        'by the ReplicaSet that it had',
        ({ status }) => status.availableReplicas === 3,
      );
    },
  },
  {
    name: 'a Deployment that is paused waits, and one that does not progress says so',
    run: async (world, namespace) => {
      const path = `${apps(namespace, 'deployments')}/slow`;
      await world.create(
        apps(namespace, 'deployments'),
        workload('Deployment', 'slow', { replicas: 2, progressDeadlineSeconds: 2 }),
      );
      await world.shows(path, 'it is out', rolledOut(2));
      await world.patch(path, {
        spec: { paused: true, template: { metadata: { annotations: { readiness: 'false' } } } },
      });
      const paused = await world.shows(path, 'it is seen to be paused', (json) =>
        json.status.conditions.some(({ reason }: Json) => reason === 'DeploymentPaused'),
      );
      expect(paused.status.availableReplicas === 2, 'its pods are what they were');
      await world.patch(path, { spec: { paused: false } });
      await world.shows(path, 'it exceeds its deadline', (json) => isTrue(json, 'Progressing', 'False'));
      await world.patch(path, { spec: { template: { metadata: { annotations: { readiness: 'true' } } } } });
      await world.shows(path, 'it is out again', rolledOut(2));
    },
  },
  {
    name: 'a ReplicaSet follows its scale and takes up orphans',
    run: async (world, namespace) => {
      const path = `${apps(namespace, 'replicasets')}/set`;
      const orphan = pod('orphan', { labels: { app: 'set' } });
      await world.create(`/api/v1/namespaces/${namespace}/pods`, orphan);
      await world.create(apps(namespace, 'replicasets'), workload('ReplicaSet', 'set', { replicas: 2 }));
      await world.shows(path, 'two pods are ready', ({ status }) => status.readyReplicas === 2);
      const adopted = await world.get(`/api/v1/namespaces/${namespace}/pods/orphan`);
      expect(adopted.metadata.ownerReferences?.[0]?.name === 'set', 'the orphan has an owner');
      await world.patch(`${path}/scale`, { spec: { replicas: 4 } });
      await world.shows(path, 'four pods are ready', ({ status }) => status.readyReplicas === 4);
      const scale = await world.get(`${path}/scale`);
      expect(scale.status.replicas === 4 && scale.status.selector === 'app=set', 'its scale says so');
      await world.patch(`${path}/scale`, { spec: { replicas: 0 } });
      await world.shows(path, 'no pods are left', ({ status }) => status.replicas === 0);
    },
  },
  {
    name: 'a ReplicationController keeps its pods',
    run: async (world, namespace) => {
      const path = `/api/v1/namespaces/${namespace}/replicationcontrollers`;
      const { spec } = workload('ReplicaSet', 'old', { replicas: 2 });
      await world.create(path, {
        metadata: { name: 'old' },
        spec: { replicas: 2, selector: { app: 'old' }, template: spec.template },
      });
      await world.shows(`${path}/old`, 'two pods are ready', ({ status }) => status.readyReplicas === 2);
      const [one] = await world.pods(namespace, 'app=old');
      await world.remove(`/api/v1/namespaces/${namespace}/pods/${one.metadata.name}`);
      await world.shows(
        `/api/v1/namespaces/${namespace}/pods`,
        'another one takes its place',
        ({ items }) => {
          const names = items.map(({ metadata }: Json) => metadata.name);
          return names.length === 2 && !names.includes(one.metadata.name);
        },
      );
    },
  },
  {
    name: 'a StatefulSet starts its pods in order, each with a volume of its own',
    run: async (world, namespace) => {
      await world.create('/apis/storage.k8s.io/v1/storageclasses', {
        metadata: { name: `ordered-${namespace}` },
        provisioner: 'kubernetes.io/host-path',
      });
      const path = `${apps(namespace, 'statefulsets')}/db`;
      await world.create(
        apps(namespace, 'statefulsets'),
        workload(
          'StatefulSet',
          'db',
          {
            replicas: 3,
            serviceName: 'db',
            volumeClaimTemplates: [
              {
                metadata: { name: 'data' },
                spec: {
                  accessModes: ['ReadWriteOnce'],
                  storageClassName: `ordered-${namespace}`,
                  resources: { requests: { storage: '1Gi' } },
                },
              },
            ],
            persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Retain' },
          },
          { annotations: { readiness: 'false' } },
        ),
      );
      const pods = `/api/v1/namespaces/${namespace}/pods`;
      for (const i of [0, 1, 2]) {
        await world.shows(`${pods}/db-${i}`, `pod ${i} runs`, ({ status }) => status.phase === 'Running');
        const { length } = await world.pods(namespace);
        expect(length === i + 1, `${length} pods are there while pod ${i} is not ready`);
        await world.patch(`${pods}/db-${i}`, { metadata: { annotations: { readiness: 'true' } } });
      }
      await world.shows(
        path,
        'three pods are ready',
        ({ status }) => status.readyReplicas === 3 && status.availableReplicas === 3,
      );
      const claims = `/api/v1/namespaces/${namespace}/persistentvolumeclaims`;
      for (const i of [0, 1, 2])
        await world.shows(
          `${claims}/data-db-${i}`,
          'its claim is bound',
          ({ status }) => status.phase === 'Bound',
        );
      await world.patch(`${path}/scale`, { spec: { replicas: 2 } });
      await world.gone(`${pods}/db-2`);
      await world.gone(`${claims}/data-db-2`);
      await world.get(`${claims}/data-db-1`);
      await world.remove('/apis/storage.k8s.io/v1/storageclasses/ordered-' + namespace);
    },
  },
  {
    name: 'a DaemonSet has a pod on every node that it may run on, and rolls to a new version',
    run: async (world, namespace) => {
      const path = `${apps(namespace, 'daemonsets')}/agent`;
      const nodes = (await world.get('/api/v1/nodes?labelSelector=pool%3Dmain')).items.length;
      await world.create(apps(namespace, 'daemonsets'), workload('DaemonSet', 'agent', {}));
      const isOut = ({ metadata, status }: Json): boolean =>
        status.observedGeneration === metadata.generation &&
        status.desiredNumberScheduled === nodes &&
        status.updatedNumberScheduled === nodes &&
        status.numberAvailable === nodes;
      await world.shows(path, 'every node has one', isOut);
      const on = (await world.pods(namespace)).map(({ spec }) => spec.nodeName as string);
      expect(new Set(on).size === nodes, `they are on ${on.join(', ')}`);
      await world.patch(path, image('registry.example/app:2'), 'strategic');
      await world.shows(path, 'the second version is everywhere', isOut);
      const revisions = await world.get(apps(namespace, 'controllerrevisions'));
      expect(revisions.items.length === 2, `there are ${revisions.items.length} revisions`);
      await world.patch(path, { spec: { template: { spec: { nodeSelector: { pool: 'none' } } } } });
      await until('it has no pods', waitMs, async () =>
        (await world.pods(namespace)).length === 0 ? true : undefined,
      );
    },
  },
];
