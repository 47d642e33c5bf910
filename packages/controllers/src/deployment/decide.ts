/**
 * What a Deployment needs next, seen from its ReplicaSets: a set to create, sizes and annotations to change, history
 * to drop, and the status. Pure. Each step changes spec sizes only as far as the sets' *specs and statuses seen now*
 * allow, so a stale status can delay a rollout but never take it below its minimum.
 */
import type { Deployment, DeploymentStatus, ReplicaSet } from '@timonier/api';
import { sameValue } from '../equality.ts';
import {
  desiredReplicasAnnotation,
  inheritedAnnotations,
  maxReplicasAnnotation,
  greatestRevision,
  revisionAnnotation,
  revisionOf,
  withRevision,
} from './annotations.ts';
import { fencepostsOf, newSetReplicas, replicasOf } from './arithmetic.ts';
import { newReplicaSet, newestSet } from './new-set.ts';
import { isScalingEvent, recreateSizes, rollingSizes, scaledSizes, type Sizes } from './sizes.ts';
import { isComplete, statusOf } from './status.ts';

export interface DeploymentState {
  readonly deployment: Deployment;
  /** The sets that the Deployment controls. */
  readonly sets: readonly ReplicaSet[];
  /** True while pods of old sets have not ended; only Recreate asks. */
  readonly oldPodsRunning: boolean;
  readonly now: number;
}

export type DeploymentAction =
  | { readonly type: 'createSet'; readonly set: ReplicaSet }
  | { readonly type: 'updateSet'; readonly set: ReplicaSet; readonly from: number; readonly to: number }
  | { readonly type: 'deleteSet'; readonly set: ReplicaSet }
  | { readonly type: 'annotate'; readonly annotations: Record<string, string> };

export interface DeploymentDecision {
  readonly actions: readonly DeploymentAction[];
  /** Only when it differs from the one stored. */
  readonly status: DeploymentStatus | undefined;
  /** When time alone changes the decision (a progress deadline). */
  readonly againAfterMs: number | undefined;
}

export function decide({ deployment, sets, oldPodsRunning, now }: DeploymentState): DeploymentDecision {
  const newest = newestSet(deployment, sets);
  const old = sets.filter((set) => set !== newest);
  const actions: DeploymentAction[] = [];
  const deleting = deployment.metadata?.deletionTimestamp !== undefined;
  const paused = deployment.spec?.paused === true;
  const recreate = deployment.spec?.strategy?.type === 'Recreate';
  let created: ReplicaSet | undefined;

  if (!deleting) {
    const sizes = sizesOf(deployment, newest, old, paused, recreate, oldPodsRunning);
    const revision = greatestRevision(old.map(revisionOf)) + 1n;
    const blocked = recreate && (oldPodsRunning || old.some((set) => replicasOf(set) > 0));
    if (newest === undefined && !paused && !blocked) {
      created = newReplicaSet(deployment, newSetReplicas(deployment, sets), revision);
      actions.push({ type: 'createSet', set: created });
    }
    for (const set of sets) {
      const changed = changedSet(deployment, set, set === newest && !paused ? revision : undefined, sizes);
      if (changed !== undefined) {
        actions.push({ type: 'updateSet', set: changed, from: replicasOf(set), to: replicasOf(changed) });
      }
    }
    const current = newest === undefined ? undefined : greatestRevision([revision, revisionOf(newest)]);
    const shown = created === undefined ? current : revision;
    if (shown !== undefined && !paused && revisionOf(deployment) !== shown) {
      const annotations = { ...deployment.metadata?.annotations, [revisionAnnotation]: String(shown) };
      actions.push({ type: 'annotate', annotations });
    }
  }

  const { status, againAfterMs } = statusOf(deployment, sets, newest, created, now);
  if (!deleting && !paused && isComplete(deployment, status)) {
    actions.push(...history(deployment, old).map((set) => ({ type: 'deleteSet', set }) as const));
  }
  return { actions, status: sameValue(status, deployment.status) ? undefined : status, againAfterMs };
}

function sizesOf(
  deployment: Deployment,
  newest: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  paused: boolean,
  recreate: boolean,
  oldPodsRunning: boolean,
): Sizes {
  const scaling = isScalingEvent(deployment, newest === undefined ? old : [newest, ...old]);
  if (paused || scaling) return scaledSizes(deployment, newest, old);
  if (recreate) return recreateSizes(deployment, newest, old, oldPodsRunning);
  return newest === undefined ? new Map() : rollingSizes(deployment, newest, old);
}

/** The set with its new size and annotations; undefined when nothing changes. */
function changedSet(
  deployment: Deployment,
  set: ReplicaSet,
  revision: bigint | undefined,
  sizes: Sizes,
): ReplicaSet | undefined {
  const replicas = sizes.get(set) ?? replicasOf(set);
  let annotations: Record<string, string> = { ...set.metadata?.annotations };
  let spec = set.spec;
  if (revision !== undefined) {
    annotations = withRevision(
      { ...annotations, ...inheritedAnnotations(deployment.metadata?.annotations) },
      revision,
    );
    const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
    if (spec !== undefined && (spec.minReadySeconds ?? 0) !== minReadySeconds)
      spec = { ...spec, minReadySeconds };
  }
  if (sizes.has(set)) {
    annotations[desiredReplicasAnnotation] = String(replicasOf(deployment));
    annotations[maxReplicasAnnotation] = String(replicasOf(deployment) + fencepostsOf(deployment).maxSurge);
  }
  if (spec !== undefined && replicas !== replicasOf(set)) spec = { ...spec, replicas };
  if (spec === set.spec && sameValue(annotations, set.metadata?.annotations ?? {})) return undefined;
  return { ...set, metadata: { ...set.metadata, annotations }, ...(spec === undefined ? {} : { spec }) };
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Old sets beyond the history limit that have no pods left, oldest revision first. */
function history(deployment: Deployment, old: readonly ReplicaSet[]): ReplicaSet[] {
  const limit = deployment.spec?.revisionHistoryLimit ?? 10;
  const alive = old.filter((set) => set.metadata?.deletionTimestamp === undefined);
  const excess = alive
    .toSorted((a, b) => compare(revisionOf(a), revisionOf(b)))
    .slice(0, Math.max(0, alive.length - limit));
  return excess.filter(
    (set) =>
      replicasOf(set) === 0 &&
      (set.status?.replicas ?? 0) === 0 &&
      (set.metadata?.generation ?? 0) <= (set.status?.observedGeneration ?? 0),
  );
}
