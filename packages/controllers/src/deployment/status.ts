/**
 * A Deployment's status from its sets: counts, and the conditions Available, Progressing and
 * ReplicaFailure that `kubectl rollout status` and `kubectl wait` read. Pure.
 */
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '@timonier/api';
import { fencepostsOf, replicasOf } from './arithmetic.ts';

/** Every pod is of the current template, and available. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = replicasOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata?.generation ?? 0)
  );
}

export function statusOf(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
  created: ReplicaSet | undefined,
  now: number,
): { status: DeploymentStatus; againAfterMs: number | undefined } {
  const sum = (value: (set: ReplicaSet) => number | undefined): number =>
    sets.reduce((total, set) => total + (value(set) ?? 0), 0);
  const replicas = sum((set) => set.status?.replicas);
  const readyReplicas = sum((set) => set.status?.readyReplicas);
  const availableReplicas = sum((set) => set.status?.availableReplicas);
  const updatedReplicas = newest?.status?.replicas ?? 0;
  const unavailableReplicas = Math.max(0, sum(replicasOf) - availableReplicas);
  const { collisionCount } = deployment.status ?? {};
  const counts: DeploymentStatus = {
    ...(deployment.metadata?.generation === undefined
      ? {}
      : { observedGeneration: deployment.metadata.generation }),
    ...present({ replicas, updatedReplicas, readyReplicas, availableReplicas, unavailableReplicas }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
  const { condition: progressing, againAfterMs } = progress(deployment, counts, newest, created, now);
  const conditions = [
    available(deployment, availableReplicas, now),
    progressing,
    replicaFailure(deployment, sets, newest, now),
  ].filter((condition) => condition !== undefined);
  return { status: { ...counts, conditions }, againAfterMs };
}

function present(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}

function available(deployment: Deployment, count: number, now: number): DeploymentCondition {
  const enough = count >= replicasOf(deployment) - fencepostsOf(deployment).maxUnavailable;
  return condition(deployment, now, {
    type: 'Available',
    status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: enough
      ? 'Deployment has minimum availability.'
      : 'Deployment does not have minimum availability.',
  });
}

/** What keeps the sets from having their pods; the newest set's word counts first. */
function replicaFailure(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
  now: number,
): DeploymentCondition | undefined {
  const failures = [newest, ...sets].map((set) =>
    set?.status?.conditions?.find(({ type }) => type === 'ReplicaFailure'),
  );
  const failure = failures.find((found) => found !== undefined);
  if (failure === undefined) return undefined;
  const { type, status, reason = '', message = '' } = failure;
  return condition(deployment, now, { type, status, reason, message });
}

function progress(
  deployment: Deployment,
  status: DeploymentStatus,
  newest: ReplicaSet | undefined,
  created: ReplicaSet | undefined,
  now: number,
): { condition: DeploymentCondition | undefined; againAfterMs: number | undefined } {
  const known = deployment.status?.conditions?.find(({ type }) => type === 'Progressing');
  const set = (value: 'True' | 'False' | 'Unknown', reason: string, message: string, touch = false) =>
    condition(deployment, now, { type: 'Progressing', status: value, reason, message }, touch);
  const settled = { condition: known, againAfterMs: undefined };
  if (deployment.spec?.paused === true) {
    return { condition: set('Unknown', 'DeploymentPaused', 'Deployment is paused'), againAfterMs: undefined };
  }
  const name = created?.metadata?.name ?? newest?.metadata?.name;
  const subject =
    name === undefined ? `Deployment "${deployment.metadata?.name ?? ''}"` : `ReplicaSet "${name}"`;
  const deadlineMs = (deployment.spec?.progressDeadlineSeconds ?? 600) * 1000;
  const waiting = (from: DeploymentCondition): number =>
    Math.max(1_000, Date.parse(from.lastUpdateTime ?? '') + deadlineMs - now + 1_000);
  if (created !== undefined) {
    const next = set('True', 'NewReplicaSetCreated', `Created new replica set "${name ?? ''}"`, true);
    return { condition: next, againAfterMs: waiting(next) };
  }
  if (isComplete(deployment, status)) {
    const done = set('True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`);
    return { condition: done, againAfterMs: undefined };
  }
  const finished = known?.reason === 'NewReplicaSetAvailable' && status.replicas === status.updatedReplicas;
  // A rollout that has succeeded is not undone by a pod that fails later.
  if (finished && newest !== undefined) return settled;
  if (known === undefined || known.reason === 'DeploymentPaused' || moved(deployment.status, status)) {
    const next = set('True', 'ReplicaSetUpdated', `${subject} is progressing.`, true);
    return { condition: next, againAfterMs: waiting(next) };
  }
  if (known.reason === 'ProgressDeadlineExceeded') return settled;
  if (now - Date.parse(known.lastUpdateTime ?? '') > deadlineMs) {
    const late = set('False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`);
    return { condition: late, againAfterMs: undefined };
  }
  return { condition: known, againAfterMs: waiting(known) };
}

function moved(before: DeploymentStatus | undefined, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus | undefined): number =>
    (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0);
  return (
    (after.updatedReplicas ?? 0) > (before?.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before?.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before?.availableReplicas ?? 0)
  );
}

/** Keeps the times of an unchanged condition, so that an unchanged status compares equal. */
function condition(
  deployment: Deployment,
  now: number,
  next: { type: string; status: string; reason: string; message: string },
  touch = false,
): DeploymentCondition {
  const known = deployment.status?.conditions?.find(({ type }) => type === next.type);
  const time = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
  const same =
    known?.status === next.status && known.reason === next.reason && known.message === next.message;
  return {
    ...next,
    lastTransitionTime: known?.status === next.status ? (known.lastTransitionTime ?? time) : time,
    lastUpdateTime: same && !touch ? (known.lastUpdateTime ?? time) : time,
  };
}
