/** Nodes: how they come in, what they are given, and what becomes of their pods when they are lost. */
import { expect } from '../../../acceptance/wait.ts';
import { pod } from '../manifests.ts';
import { isTrue, type Json, type Sentence } from '../world.ts';

/** Sentences take these nodes for themselves: nothing else runs there. */
export const ownNodes = ['lost-1', 'silent-1', 'crowded-1', 'drained-1', 'drained-2'] as const;

export function dedicated(name: string) {
  return {
    labels: { pool: name },
    taints: [{ key: 'dedicated', value: name, effect: 'NoSchedule' }],
  } as const;
}

/** For pods that go to a dedicated node. */
export function onDedicated(name: string, tolerations: readonly object[] = []) {
  return {
    nodeSelector: { pool: name },
    tolerations: [{ key: 'dedicated', operator: 'Equal', value: name, effect: 'NoSchedule' }, ...tolerations],
  };
}

const leavesAfter = (tolerationSeconds: number): readonly object[] =>
  ['not-ready', 'unreachable'].map((name) => ({
    key: `node.kubernetes.io/${name}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds,
  }));

export const nodeSentences: readonly Sentence[] = [
  {
    name: 'a node that comes in loses its first taint, and gets a range of addresses',
    run: async (world) => {
      for (const name of world.kubelets.names) {
        const node = await world.shows(
          `/api/v1/nodes/${name}`,
          `${name} has both`,
          ({ spec }) =>
            spec.podCIDR !== undefined &&
            !(spec.taints ?? []).some(({ key }: Json) => key === 'node.kubernetes.io/not-ready'),
        );
        expect(/^10\.244\.\d+\.0\/24$/.test(node.spec.podCIDR), node.spec.podCIDR);
      }
    },
  },
  {
    name: 'a silent node is unknown, tainted, and loses the pods that do not tolerate that',
    run: async (world, namespace) => {
      await world.kubelets.add('silent-1', dedicated('silent-1'));
      const pods = `/api/v1/namespaces/${namespace}/pods`;
      await world.create(pods, pod('leaves', { spec: onDedicated('silent-1', leavesAfter(1)) }));
      await world.create(
        pods,
        pod('stays', {
          spec: onDedicated('silent-1', [{ operator: 'Exists', effect: 'NoExecute' }]),
        }),
      );
      for (const name of ['leaves', 'stays'])
        await world.shows(`${pods}/${name}`, 'it runs', (json) => isTrue(json, 'Ready'));
      await world.kubelets.lose('silent-1');
      const node = await world.shows('/api/v1/nodes/silent-1', 'it is tainted', ({ spec }) =>
        spec.taints?.some(
          (one: Json) => one.key === 'node.kubernetes.io/unreachable' && one.effect === 'NoExecute',
        ),
      );
      expect(isTrue(node, 'Ready', 'Unknown'), 'its condition is unknown');
      await world.shows(
        `${pods}/leaves`,
        'the pod is to go',
        ({ metadata, status }) =>
          metadata.deletionTimestamp !== undefined &&
          status.conditions.some(
            (one: Json) => one.type === 'DisruptionTarget' && one.reason === 'DeletionByTaintManager',
          ),
      );
      const stays = await world.shows(`${pods}/stays`, 'the other is not ready', (json) =>
        isTrue(json, 'Ready', 'False'),
      );
      expect(stays.metadata.deletionTimestamp === undefined, 'it stays');
      await world.remove('/api/v1/nodes/silent-1');
      // Its pods go with the node, after a while.
      await world.gone(`${pods}/stays`, 180_000);
      await world.gone(`${pods}/leaves`, 60_000);
    },
  },
];
