/** Two of each loop: one works, and the other takes over when the first is killed. */
import { expect } from '../../../acceptance/wait.ts';
import { workload } from '../manifests.ts';
import type { Json, Sentence, World } from '../world.ts';

const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';

/** Controllers and scheduler both work. */
async function newPodsRun(world: World, namespace: string): Promise<void> {
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  await world.create(deployments, workload('Deployment', 'after', { replicas: 2 }));
  await world.shows(`${deployments}/after`, 'its pods run', ({ status }) => status.availableReplicas === 2);
}

export const availability: readonly Sentence[] = [
  {
    name: 'when the leading controller manager and scheduler are killed, the other ones take over their leases and work',
    alone: true,
    run: async (world, namespace) => {
      const { plane } = world;
      const leading = plane.processes.filter(({ name }) =>
        /^kube-(controller-manager|scheduler)$/.test(name),
      );
      const names = leading.map(({ name }) => name);
      const before = new Map<string, Json>();
      for (const name of names) before.set(name, await world.get(`${leases}/${name}`));
      await plane.startControllerManager();
      await plane.startScheduler();
      // Both ask for the lease before the first one goes.
      for (const { name, log } of plane.processes
        .slice(-2)
        .map((one) => ({ name: one.name, log: () => one.log() })))
        await world.shows(`${leases}/${name}`, `the second ${name} waits`, () =>
          /attempting to acquire leader lease/i.test(log()),
        );
      for (const name of names) {
        const { spec } = await world.get(`${leases}/${name}`);
        expect(spec.holderIdentity === before.get(name).spec.holderIdentity, `${name} still leads`);
      }
      for (const one of leading) await one.kill();
      for (const name of names) {
        const { spec } = await world.shows(
          `${leases}/${name}`,
          'another one holds it',
          (json) => json.spec.holderIdentity !== before.get(name).spec.holderIdentity,
        );
        expect(
          spec.leaseTransitions === before.get(name).spec.leaseTransitions + 1,
          'the transition is counted',
        );
      }
      await newPodsRun(world, namespace);
    },
  },
  {
    name: 'the controllers go on when the API server has been restarted',
    alone: true,
    run: async (world, namespace) => {
      await world.plane.restartApiServer();
      await world.plane.restartEndedLoops();
      await newPodsRun(world, namespace);
    },
  },
];
