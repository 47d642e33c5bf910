/**
 * How many pods a rollout may add and must keep: maxSurge, maxUnavailable and the proportional scaling of several
 * sets at once. Pure.
 */
import { type Deployment, type ReplicaSet, scaledIntOrPercent } from '@timonier/api';

export interface Fenceposts {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** Surge rounds up, unavailability down; when both come out 0 one pod may be unavailable, or nothing could move. */
export function fencepostsOf(deployment: Deployment): Fenceposts {
  const strategy = deployment.spec?.strategy;
  const replicas = replicasOf(deployment);
  if (strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 };
  const { maxSurge = '25%', maxUnavailable = '25%' } = strategy?.rollingUpdate ?? {};
  const surge = scaledIntOrPercent(maxSurge, replicas, true);
  const unavailable = scaledIntOrPercent(maxUnavailable, replicas, false);
  return {
    maxSurge: surge,
    maxUnavailable: Math.min(surge === 0 && unavailable === 0 ? 1 : unavailable, Math.max(replicas, 1)),
  };
}

export function replicasOf(object: Deployment | ReplicaSet): number {
  return object.spec?.replicas ?? 1;
}

/** Size of the newest set: as large as the surge allows, or all at once when the old ones are gone first. */
export function newSetReplicas(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  newest?: ReplicaSet,
): number {
  const wanted = replicasOf(deployment);
  if (deployment.spec?.strategy?.type === 'Recreate') return wanted;
  const current = newest === undefined ? 0 : replicasOf(newest);
  const total = sets.reduce((sum, set) => sum + replicasOf(set), 0);
  const room = wanted + fencepostsOf(deployment).maxSurge - total;
  if (room <= 0) return current;
  return Math.max(current, Math.min(wanted, current + room));
}

/**
 * Shares a change of the total between sets in proportion to their sizes, the largest remainder first; the sum of
 * the result is exactly `total`, unless every set is empty.
 */
export function proportionalSizes(sizes: readonly number[], total: number): number[] {
  const sum = sizes.reduce((a, b) => a + b, 0);
  if (sum === 0) return [...sizes];
  const shares = sizes.map((size, i) => {
    const exact = (size * total) / sum;
    return { i, size: Math.floor(exact), rest: exact - Math.floor(exact) };
  });
  let left = total - shares.reduce((a, { size }) => a + size, 0);
  for (const share of shares.toSorted((a, b) => b.rest - a.rest || a.i - b.i)) {
    if (left <= 0) break;
    share.size += 1;
    left -= 1;
  }
  return shares.map(({ size }) => size);
}
