/** Budgets for what may be disturbed, and who honours them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, until } from '../../../acceptance/wait.ts';
import { peerFile } from '../../../peers/peer.ts';
import { pod, workload } from '../manifests.ts';
import { isTrue, type Json, type Sentence, waitMs, type World } from '../world.ts';
import { dedicated, onDedicated } from './nodes.ts';

const budgetsIn = (namespace: string): string =>
  `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
const podsIn = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;

function budget(name: string, spec: Readonly<Record<string, unknown>>) {
  return { metadata: { name }, spec: { selector: { matchLabels: { app: name } }, ...spec } };
}

function evict(world: World, status: number, { metadata: { name, namespace } }: Json): Promise<Json> {
  return world.ask(status, 'POST', `${podsIn(namespace)}/${name}/eviction`, {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
  });
}

/** Owned by something that only says how many it wants. */
function ownedPod(name: string, app: string, owner: Json) {
  const { apiVersion, kind, metadata } = owner;
  const reference = { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true };
  const { metadata: own, ...rest } = pod(name, { labels: { app } });
  return { ...rest, metadata: { ...own, ownerReferences: [reference] } };
}

export const budgets: readonly Sentence[] = [
  {
    name: 'a PodDisruptionBudget allows as many evictions as it can bear',
    run: async (world, namespace) => {
      const sets = `/apis/apps/v1/namespaces/${namespace}/replicasets`;
      await world.create(sets, workload('ReplicaSet', 'kept', { replicas: 3 }));
      const path = `${budgetsIn(namespace)}/kept`;
      await world.create(budgetsIn(namespace), budget('kept', { minAvailable: 2 }));
      const open = await world.shows(
        path,
        'one pod may go',
        ({ status }) =>
          status?.disruptionsAllowed === 1 && status.currentHealthy === 3 && status.expectedPods === 3,
      );
      expect(
        open.status.desiredHealthy === 2 && isTrue(open, 'DisruptionAllowed'),
        JSON.stringify(open.status),
      );
      // Those that come anew are not ready, so that the budget stays spent.
      await world.patch(`${sets}/kept`, {
        spec: { template: { metadata: { annotations: { readiness: 'false' } } } },
      });
      const [first, second] = await world.pods(namespace, 'app=kept');
      await evict(world, 201, first);
      const spent = await world.shows(
        path,
        'no pod may go',
        ({ status }) =>
          status.disruptionsAllowed === 0 &&
          status.currentHealthy === 2 &&
          status.disruptedPods === undefined,
      );
      expect(isTrue(spent, 'DisruptionAllowed', 'False'), JSON.stringify(spent.status));
      const refused = await evict(world, 429, second);
      expect(refused.details.causes[0].reason === 'DisruptionBudget', JSON.stringify(refused));
    },
  },
  {
    name: 'kubectl drains a node as far as a budget lets it, and on when pods are well elsewhere',
    run: async (world, namespace) => {
      const place = onDedicated('drained');
      await world.kubelets.add('drained-1', dedicated('drained'));
      const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
      await world.create(deployments, workload('Deployment', 'guarded', { replicas: 2 }, { spec: place }));
      await world.create(budgetsIn(namespace), budget('guarded', { maxUnavailable: '50%' }));
      const path = `${budgetsIn(namespace)}/guarded`;
      await world.shows(
        path,
        'one of two may go',
        ({ status }) => status?.disruptionsAllowed === 1 && status.expectedPods === 2,
      );
      const kubeconfig = await world.plane.kubeconfig('admin');
      const drain = spawn(
        peerFile('kubectl'),
        ['--kubeconfig', kubeconfig, 'drain', 'drained-1', '--pod-selector=app=guarded', '--timeout=180s'],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      );
      const ended = once(drain, 'close');
      let [out, err] = ['', ''];
      drain.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
      drain.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()));
      const refusal = "Cannot evict pod as it would violate the pod's disruption budget.";
      try {
        // The one that takes the place of the first finds no node.
        await world.shows(
          podsIn(namespace),
          'one is gone, and another waits for a node',
          ({ items }) =>
            items.length === 2 &&
            items.some(({ spec }: Json) => spec.nodeName === undefined) &&
            items.some((one: Json) => isTrue(one, 'Ready') && one.metadata.deletionTimestamp === undefined),
        );
        await world.shows(path, 'no more may go', ({ status }) => status.disruptionsAllowed === 0);
        // Upstream's server tries the second one again by itself, half a second later, when both came at once.
        await until('kubectl is refused', waitMs, () => (err.includes(refusal) ? true : undefined));
        await world.kubelets.add('drained-2', dedicated('drained'));
        const [code] = (await ended) as [number | null];
        const all = `kubectl ended with ${code}\n${out}\n${err}`;
        expect(code === 0 && /node\/drained-1 (drained|evicted)/.test(out), all);
      } finally {
        drain.kill();
      }
      const { items } = await world.shows(podsIn(namespace), 'both are on the other node', ({ items }) =>
        items.every((one: Json) => one.spec.nodeName === 'drained-2' && isTrue(one, 'Ready')),
      );
      expect(items.length === 2, `${items.length} pods`);
      // As long as there is somebody to end them.
      await world.remove(path);
      await world.remove(`${deployments}/guarded`);
      await world.shows(podsIn(namespace), 'the pods are gone', (list) => list.items.length === 0);
      for (const name of ['drained-1', 'drained-2']) {
        await world.kubelets.lose(name);
        await world.remove(`/api/v1/nodes/${name}`);
      }
    },
  },
  {
    name: 'a budget of a part counts by the Scale of whatever owns the pods, and allows nothing where there is none',
    run: async (world, namespace) => {
      const group = `${namespace}.example.com`;
      const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
      const name = `fleets.${group}`;
      const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
      const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' };
      await world.create(definitions, {
        metadata: { name },
        spec: {
          group,
          scope: 'Namespaced',
          names: { plural: 'fleets', kind: 'Fleet' },
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: { openAPIV3Schema: schema },
              subresources: { scale, status: {} },
            },
          ],
        },
      });
      try {
        await world.shows(`${definitions}/${name}`, 'it is served', (json) => isTrue(json, 'Established'));
        const fleet = await until('a Fleet is made', waitMs, () =>
          world.create(`/apis/${group}/v1/namespaces/${namespace}/fleets`, {
            apiVersion: `${group}/v1`,
            kind: 'Fleet',
            metadata: { name: 'ships' },
            spec: { replicas: 3 },
          }),
        );
        await world.create(podsIn(namespace), ownedPod('ship', 'ships', fleet));
        await world.create(budgetsIn(namespace), budget('ships', { minAvailable: '50%' }));
        // Upstream looks again only when something changes, and learns of new kinds by and by.
        const known = await until('its Scale counts', waitMs, async () => {
          await world.patch(`${podsIn(namespace)}/ship`, {
            metadata: { annotations: { at: String(Date.now()) } },
          });
          const { status } = await world.get(`${budgetsIn(namespace)}/ships`);
          return status?.expectedPods === 3 && status.currentHealthy === 1 ? (status as object) : undefined;
        });
        const { desiredHealthy, disruptionsAllowed } = known as Json;
        expect(desiredHealthy === 2 && disruptionsAllowed === 0, JSON.stringify(known));
        // A DaemonSet wants one on each node, and has no Scale.
        const sets = `/apis/apps/v1/namespaces/${namespace}/daemonsets`;
        const made = await world.create(sets, workload('DaemonSet', 'every', {}));
        await world.create(budgetsIn(namespace), budget('every', { maxUnavailable: 1 }));
        const failed = await world.shows(`${budgetsIn(namespace)}/every`, 'it has failed', ({ status }) =>
          status?.conditions?.some(({ reason }: Json) => reason === 'SyncFailed'),
        );
        expect(made.kind === 'DaemonSet' && failed.status.disruptionsAllowed === 0, 'nothing may go');
        const [{ message }] = failed.status.conditions;
        expect(message === 'daemonsets.apps does not implement the scale subresource', message);
      } finally {
        await world.remove(`${definitions}/${name}`);
      }
    },
  },
  {
    name: 'a pod that is not ready may go when the budget is met without it, or when its policy allows that always',
    run: async (world, namespace) => {
      const sick = { annotations: { readiness: 'false' } };
      const sets = `/apis/apps/v1/namespaces/${namespace}/replicasets`;
      for (const [name, spec] of [
        ['strict', {}],
        ['lenient', { unhealthyPodEvictionPolicy: 'AlwaysAllow' }],
      ] as const) {
        await world.create(sets, workload('ReplicaSet', name, { replicas: 2 }, sick));
        await world.create(budgetsIn(namespace), budget(name, { minAvailable: 1, ...spec }));
        await world.shows(
          podsIn(namespace),
          'its pods run',
          ({ items }) =>
            items.filter((one: Json) => one.metadata.labels.app === name && one.status.phase === 'Running')
              .length === 2,
        );
        await world.shows(
          `${budgetsIn(namespace)}/${name}`,
          'none is well',
          ({ status }) => status?.currentHealthy === 0 && status.expectedPods === 2,
        );
      }
      const [lenient] = await world.pods(namespace, 'app=lenient');
      await evict(world, 201, lenient);
      const [one, other] = await world.pods(namespace, 'app=strict');
      await evict(world, 429, one);
      await world.patch(`${podsIn(namespace)}/${other.metadata.name}`, {
        metadata: { annotations: { readiness: 'true' } },
      });
      await world.shows(
        `${budgetsIn(namespace)}/strict`,
        'one is well, and may not go',
        ({ status }) => status.currentHealthy === 1 && status.disruptionsAllowed === 0,
      );
      await evict(world, 201, one);
      await evict(world, 429, other);
    },
  },
];
