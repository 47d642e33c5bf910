/**
 * How a Job counts its pods so that none is counted twice and none is missed, whenever this process ends in between:
 * a pod keeps its finalizer until the status names it as uncounted; when the finalizer is gone, it moves into the
 * counts. Completed indexes are told as such, which cannot be counted twice anyhow. Pure.
 */
import type { Job, JobCondition, JobStatus, Pod } from '@timonier/api';
import { isPodActive, isPodReady } from '../pods.ts';
import { newCondition, timestamp, trueCondition, withCondition } from './conditions.ts';
import { progressOf } from './count.ts';
import { judgeFailure } from './failure-policy.ts';
import { Indexes } from './indexes.ts';
import { hasFailed, indexOf, isIndexed, isSuspended, isTerminating, isTracked, isValid } from './pods.ts';

export interface TrackState {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly ending: JobCondition | undefined;
  readonly suspended: boolean | undefined;
  /** Uids of pods that were deleted because the Job ends: with its success they have not failed. */
  readonly ended: ReadonlySet<string>;
  readonly now: number;
}

export interface Tracking {
  /** To be stored before finalizers are removed. */
  readonly status: JobStatus;
  /** Pods whose finalizer can go when the status is stored. */
  readonly untrack: readonly Pod[];
  /** Uids of all that have it now. */
  readonly tracked: ReadonlySet<string>;
  /** What is to be said when all is counted and no pod is left; undefined while the Job goes on. */
  readonly final: JobCondition | undefined;
}

/** Keeps the status small and lets other Jobs have their turn. */
const maxUncounted = 500;

export function track({ job, pods, ending, suspended, ended, now }: TrackState): Tracking {
  const tracked = new Set(pods.filter(isTracked).map(({ metadata }) => metadata?.uid ?? ''));
  const active = pods.filter(isPodActive);
  // A pod that could not be deleted may still do something: nothing is final then.
  const sure = active.length === 0 ? ending : undefined;
  const before = started(settle(job.status ?? {}, tracked), job, now);
  const counted = countPods(job, before, pods, sure, ended);
  let status: JobStatus = {
    ...counted.status,
    active: active.length,
    ready: active.filter(isPodReady).length,
    terminating: pods.filter(isTerminating).length,
  };
  if (active.length === 0) delete status.active;
  if (suspended !== undefined) status = toldSuspended(status, suspended, now);
  if (sure !== undefined && trueCondition(status, sure.type as 'FailureTarget') === undefined) {
    status = { ...status, conditions: [...withCondition(status.conditions, sure)] };
  }
  return {
    status,
    untrack: counted.untrack,
    tracked,
    final: sure === undefined || counted.full ? undefined : finalCondition(sure, now),
  };
}

/** Moves pods that have lost their finalizer from the uncounted into the counts. */
export function settle(status: JobStatus, tracked: ReadonlySet<string>): JobStatus {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const [openSucceeded, openFailed] = [succeeded, failed].map((uids) =>
    uids.filter((uid) => tracked.has(uid)),
  );
  const sums = {
    succeeded: (status.succeeded ?? 0) + succeeded.length - (openSucceeded?.length ?? 0),
    failed: (status.failed ?? 0) + failed.length - (openFailed?.length ?? 0),
  };
  const settled: JobStatus = {
    ...status,
    ...sums,
    uncountedTerminatedPods: {
      ...(openSucceeded?.length ? { succeeded: openSucceeded } : {}),
      ...(openFailed?.length ? { failed: openFailed } : {}),
    },
  };
  if (sums.succeeded === 0) delete settled.succeeded;
  if (sums.failed === 0) delete settled.failed;
  return settled;
}

/** The status with its end, once all pods are counted and gone; as it is before. */
export function finish(status: JobStatus, final: JobCondition | undefined): JobStatus {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (final === undefined || succeeded.length + failed.length + (status.terminating ?? 0) > 0) return status;
  return {
    ...status,
    conditions: [...withCondition(status.conditions, final)],
    ...(final.type === 'Complete' && final.lastTransitionTime !== undefined
      ? { completionTime: final.lastTransitionTime }
      : {}),
  };
}

function finalCondition({ type, reason = '', message = '' }: JobCondition, now: number): JobCondition {
  return newCondition(type === 'SuccessCriteriaMet' ? 'Complete' : 'Failed', 'True', reason, message, now);
}

function started(status: JobStatus, job: Job, now: number): JobStatus {
  return status.startTime !== undefined || isSuspended(job)
    ? status
    : { ...status, startTime: timestamp(now) };
}

interface Counted {
  readonly status: JobStatus;
  readonly untrack: readonly Pod[];
  readonly full: boolean;
}

function countPods(
  job: Job,
  status: JobStatus,
  pods: readonly Pod[],
  ending: JobCondition | undefined,
  ended: ReadonlySet<string>,
): Counted {
  const completions = job.spec?.completions ?? 0;
  const { awaited, failedIndexes } = progressOf(job, pods);
  const known = Indexes.parse(status.completedIndexes ?? '', completions);
  const succeeded = new Set(status.uncountedTerminatedPods?.succeeded);
  const failed = new Set(status.uncountedTerminatedPods?.failed);
  const newIndexes = new Set<number>();
  const untrack: Pod[] = [];
  let full = false;
  const inOrder = isIndexed(job)
    ? pods.toSorted((a, b) => (indexOf(job, a) ?? -1) - (indexOf(job, b) ?? -1))
    : pods;
  for (const pod of inOrder) {
    const uid = pod.metadata?.uid ?? '';
    const index = indexOf(job, pod);
    const done = pod.status?.phase === 'Succeeded';
    // With the Job's success the pods that it ended have not failed.
    const spared = ending?.type === 'SuccessCriteriaMet' && ended.has(uid) && pod.status?.phase !== 'Failed';
    const lost = hasFailed(job, pod) && !spared;
    const over = job.metadata?.deletionTimestamp !== undefined || ending !== undefined;
    if (!isTracked(pod) || !(over || done || lost)) continue;
    if (!over && !done && index !== undefined && awaited.get(index) === pod) continue;
    untrack.push(pod);
    if (done && !failed.has(uid)) {
      if (!isIndexed(job)) succeeded.add(uid);
      else if (index !== undefined && !known.has(index)) newIndexes.add(index);
    } else if (lost || ending?.type === 'FailureTarget') {
      // Of a Job that has failed every pod that did not end has failed.
      if (isValid(job, pod) && judgeFailure(job, pod).action !== 'Ignore') failed.add(uid);
    }
    full = newIndexes.size + succeeded.size + failed.size >= maxUncounted;
    if (full) break;
  }
  const next: JobStatus = {
    ...status,
    uncountedTerminatedPods: {
      ...(succeeded.size === 0 ? {} : { succeeded: [...succeeded] }),
      ...(failed.size === 0 ? {} : { failed: [...failed] }),
    },
  };
  if (!isIndexed(job)) return { status: next, untrack, full };
  const completed = known.with(Indexes.of(newIndexes));
  next.completedIndexes = completed.toString();
  next.succeeded = completed.size;
  if (completed.size === 0) {
    delete next.completedIndexes;
    delete next.succeeded;
  }
  if (failedIndexes === undefined) delete next.failedIndexes;
  else next.failedIndexes = failedIndexes.toString();
  return { status: next, untrack, full };
}

/** Its time starts anew when it is resumed: only time in which it may work counts. */
function toldSuspended(status: JobStatus, suspended: boolean, now: number): JobStatus {
  const condition = suspended
    ? newCondition('Suspended', 'True', 'JobSuspended', 'Job suspended', now)
    : newCondition('Suspended', 'False', 'JobResumed', 'Job resumed', now);
  const conditions = withCondition(status.conditions, condition);
  if (!conditions.includes(condition)) return status;
  const { startTime: _, ...others } = status;
  return {
    ...others,
    conditions: [...conditions],
    ...(suspended ? {} : { startTime: timestamp(now) }),
  };
}
