/**
 * Which pods go first when a ReplicaSet shrinks, in upstream's order: not yet placed, pending, not ready, cheap by
 * the deletion-cost annotation, crowded together on a node, recently ready, often restarted, young.
 */
import type { Pod } from '@timonier/api';
import { isPodReady, podCondition } from '../pods.ts';

const costAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** Sorted, the first to go first. `neighbours` counts related active pods on each node. */
export function rankForDeletion(
  pods: readonly Pod[],
  neighbours: ReadonlyMap<string, number>,
  now: number,
): Pod[] {
  const ranked = pods.map((pod) => ({ pod, rank: rankOf(pod, neighbours, now) }));
  ranked.sort((a, b) => {
    for (const [i, value] of a.rank.entries()) {
      const difference = value - (b.rank[i] ?? 0);
      if (difference !== 0) return difference;
    }
    return (a.pod.metadata?.name ?? '') < (b.pod.metadata?.name ?? '') ? -1 : 1;
  });
  return ranked.map(({ pod }) => pod);
}

function rankOf(pod: Pod, neighbours: ReadonlyMap<string, number>, now: number): number[] {
  const node = pod.spec?.nodeName;
  const ready = isPodReady(pod);
  const restarts = Math.max(
    0,
    ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount ?? 0),
  );
  return [
    node === undefined ? 0 : 1,
    phaseRank[pod.status?.phase ?? 'Pending'] ?? 0,
    ready ? 1 : 0,
    Number(pod.metadata?.annotations?.[costAnnotation] ?? 0) || 0,
    -(neighbours.get(node ?? '') ?? 0),
    ready ? ageStep(podCondition(pod, 'Ready')?.lastTransitionTime, now) : 0,
    -restarts,
    ageStep(pod.metadata?.creationTimestamp, now),
  ];
}

/** Ages in powers of two, so that pods of about the same age are not told apart by seconds. */
function ageStep(since: string | undefined, now: number): number {
  const age = now - Date.parse(since ?? '');
  return Number.isNaN(age) ? 0 : Math.floor(Math.log2(Math.max(1, age / 1000)));
}
