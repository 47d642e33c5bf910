/**
 * The next sizes of a Deployment's sets: rolling update, recreation, and scaling while a rollout is under way. A
 * set in the result gets that size and fresh size annotations; a set not in it stays as it is. Pure.
 */
import type { Deployment, ReplicaSet } from '@timonier/api';
import { desiredReplicasAnnotation } from './annotations.ts';
import { fencepostsOf, newSetReplicas, proportionalSizes, replicasOf } from './arithmetic.ts';
import { creationOrder } from './new-set.ts';

export type Sizes = ReadonlyMap<ReplicaSet, number>;

/** True when the wanted number changed since the sets were last sized. */
export function isScalingEvent(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => {
    const desired = set.metadata?.annotations?.[desiredReplicasAnnotation];
    return replicasOf(set) > 0 && desired !== undefined && Number(desired) !== replicasOf(deployment);
  });
}

/** The newest set grows as far as the surge allows; once it cannot, the old ones shrink as far as availability allows. */
export function rollingSizes(deployment: Deployment, newest: ReplicaSet, old: readonly ReplicaSet[]): Sizes {
  const sizes = new Map<ReplicaSet, number>();
  const wanted = replicasOf(deployment);
  const grown = Math.min(wanted, newSetReplicas(deployment, [newest, ...old], newest));
  if (grown !== replicasOf(newest)) return sizes.set(newest, grown);

  const minAvailable = wanted - fencepostsOf(deployment).maxUnavailable;
  const total = replicasOf(newest) + sumOf(old, replicasOf);
  const newUnavailable = replicasOf(newest) - availableOf(newest);
  let mayGo = total - minAvailable - newUnavailable;
  // Pods that do not serve go first: taking them away costs no availability.
  const ordered = old.toSorted(creationOrder);
  for (const set of ordered) {
    const unhealthy = Math.min(mayGo, replicasOf(set) - availableOf(set));
    if (unhealthy <= 0) continue;
    sizes.set(set, replicasOf(set) - unhealthy);
    mayGo -= unhealthy;
  }
  let healthyMayGo = Math.min(mayGo, availableOf(newest) + sumOf(old, availableOf) - minAvailable);
  for (const set of ordered) {
    const left = sizes.get(set) ?? replicasOf(set);
    const down = Math.min(left, healthyMayGo);
    if (down <= 0) continue;
    sizes.set(set, left - down);
    healthyMayGo -= down;
  }
  return sizes;
}

/** Old sets go to zero first; the newest gets its size when their pods have ended. */
export function recreateSizes(
  deployment: Deployment,
  newest: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  oldPodsRunning: boolean,
): Sizes {
  const active = old.filter((set) => replicasOf(set) > 0);
  if (active.length > 0) return new Map(active.map((set) => [set, 0]));
  if (newest === undefined || oldPodsRunning || replicasOf(newest) === replicasOf(deployment))
    return new Map();
  return new Map([[newest, replicasOf(deployment)]]);
}

/** A changed number of replicas is shared among the sets of an unfinished rollout in proportion to their sizes. */
export function scaledSizes(
  deployment: Deployment,
  newest: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Sizes {
  const wanted = replicasOf(deployment);
  const all = newest === undefined ? old : [newest, ...old];
  const active = all.filter((set) => replicasOf(set) > 0);
  if (active.length <= 1) {
    const only = active[0] ?? newest;
    const desired = Number(only?.metadata?.annotations?.[desiredReplicasAnnotation]);
    const settled = only === undefined || (replicasOf(only) === wanted && desired === wanted);
    return settled ? new Map() : new Map([[only, wanted]]);
  }
  if (newest !== undefined && replicasOf(newest) === wanted && availableOf(newest) === wanted) {
    return new Map([
      [newest, wanted],
      ...active.filter((set) => set !== newest).map((set) => [set, 0] as const),
    ]);
  }
  if (deployment.spec?.strategy?.type === 'Recreate') return new Map();
  const allowed = wanted > 0 ? wanted + fencepostsOf(deployment).maxSurge : 0;
  const shares = proportionalSizes(active.map(replicasOf), allowed);
  return new Map(active.map((set, i) => [set, shares[i] ?? 0]));
}

function availableOf(set: ReplicaSet): number {
  return set.status?.availableReplicas ?? 0;
}

function sumOf(sets: readonly ReplicaSet[], value: (set: ReplicaSet) => number): number {
  return sets.reduce((sum, set) => sum + value(set), 0);
}
