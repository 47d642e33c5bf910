/**
 * What a Job needs next: whether it ends, which pods to create, which to end. Pure. What is counted, and when a pod may
 * go, is told in `track.ts` from the pods that there are after this was done.
 */
import type { Job, JobCondition, Pod } from '@timonier/api';
import { rankForDeletion } from '../replicaset/deletion-order.ts';
import { newCondition } from './conditions.ts';
import { failuresUpTo, indexesOf, type Progress, progressOf } from './count.ts';
import { deadlineInMs, endingOf } from './ending.ts';
import { afterPods, type FailureRecord, waitMs } from './failures.ts';
import { endedAt, indexOf, isIndexed, isSuspended, isTerminating, podFor } from './pods.ts';

export interface JobState {
  readonly job: Job;
  /** Its own pods. */
  readonly pods: readonly Pod[];
  readonly now: number;
  /** As the decision before left it. */
  readonly failures: FailureRecord;
}

export interface JobDecision {
  /** What will be said of it in the end: it failed, or it has succeeded enough. */
  readonly ending: JobCondition | undefined;
  readonly create: readonly Pod[];
  /** Deleted because the Job ends; they are counted before they go. */
  readonly end: readonly Pod[];
  /** Deleted because there are too many; nobody counts them. */
  readonly drop: readonly Pod[];
  /** Undefined when nothing is to be said about it now. */
  readonly suspended: boolean | undefined;
  readonly failures: FailureRecord;
  /** When time alone changes the decision. */
  readonly againAfterMs: number | undefined;
}

/** No more pods than this are created or deleted in one go. */
const burstLimit = 500;

export function decide(state: JobState): JobDecision {
  const { job, pods, now } = state;
  const progress = progressOf(job, pods);
  const failures = afterPods(state.failures, progress.newSucceeded, progress.newFailed);
  const ending = endingOf(job, pods, progress, now);
  const rest = { create: [], end: [], drop: [], suspended: undefined, failures, againAfterMs: undefined };
  if (ending !== undefined) return { ...rest, ending, end: progress.active };
  const deleting = job.metadata?.deletionTimestamp !== undefined;
  const work = deleting
    ? { create: [], drop: [], waitMs: undefined }
    : workOf(job, pods, progress, failures, now);
  const left = progress.active.length + work.create.length - work.drop.length;
  const done = isComplete(job, progress.succeeded, left);
  return {
    ...rest,
    ending: done
      ? newCondition(
          'SuccessCriteriaMet',
          'True',
          'CompletionsReached',
          'Reached expected number of succeeded pods',
          now,
        )
      : undefined,
    create: work.create,
    drop: work.drop,
    suspended: done || deleting ? undefined : isSuspended(job),
    againAfterMs: soonest(deadlineInMs(job, now), work.waitMs),
  };
}

/** Without a number of completions one success is enough, once the pods that still run have ended, too. */
function isComplete({ spec }: Job, succeeded: number, left: number): boolean {
  return succeeded >= (spec?.completions ?? 1) && left === 0;
}

interface Work {
  readonly create: readonly Pod[];
  readonly drop: readonly Pod[];
  readonly waitMs: number | undefined;
}

function workOf(
  job: Job,
  pods: readonly Pod[],
  progress: Progress,
  failures: FailureRecord,
  now: number,
): Work {
  const { active } = progress;
  const none: Work = { create: [], drop: [], waitMs: undefined };
  if (isSuspended(job)) return { ...none, drop: active };
  const wanted = wantedActive(job, progress);
  const drop = surplus(job, active, Math.max(0, active.length - wanted), now);
  if (drop.length > 0) return { ...none, drop: drop.slice(0, burstLimit) };
  const leaving = job.spec?.podReplacementPolicy === 'Failed' ? pods.filter(isTerminating) : [];
  const missing = Math.min(wanted - leaving.length - active.length, burstLimit);
  if (missing <= 0) return none;
  if (progress.failedIndexes !== undefined) return perIndex(job, progress, leaving, missing, now);
  const wait = waitMs(failures, now);
  if (wait > 0) return { ...none, waitMs: wait };
  if (!isIndexed(job)) return { ...none, create: Array.from({ length: missing }, () => podFor(job)) };
  const taken = progress.succeededIndexes.with(indexesOf(job, [...active, ...leaving]));
  const indexes = taken.missing(missing, job.spec?.completions ?? 0);
  return { ...none, create: indexes.map((index) => podFor(job, index)) };
}

function wantedActive({ spec }: Job, { active, succeeded }: Progress): number {
  const parallelism = spec?.parallelism ?? 1;
  if (spec?.completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(parallelism, spec.completions - succeeded));
}

/** Each index waits for itself. */
function perIndex(
  job: Job,
  { active, succeededIndexes, failedIndexes, awaited }: Progress,
  leaving: readonly Pod[],
  missing: number,
  now: number,
): Work {
  const busy = indexesOf(job, [...active, ...leaving]);
  const taken = succeededIndexes.with(busy).with(failedIndexes ?? busy);
  const candidates = taken.missing(missing, job.spec?.completions ?? 0).map((index) => {
    const last = awaited.get(index);
    const counts = failuresUpTo(job, last);
    const record = {
      count: counts.counted + counts.ignored,
      lastAt: last === undefined ? 0 : endedAt(last),
    };
    return { index, counts, wait: waitMs(record, now) };
  });
  const ready = candidates.filter(({ wait }) => wait === 0);
  return {
    create: ready.map(({ index, counts }) => podFor(job, index, counts)),
    drop: [],
    waitMs: soonest(...candidates.map(({ wait }) => (wait === 0 ? undefined : wait))),
  };
}

/** At least so many; of an index all pods but one, and pods without an index that the Job has. */
function surplus(job: Job, active: readonly Pod[], atLeast: number, now: number): Pod[] {
  const ranked = rankForDeletion(active, new Map(), now);
  if (!isIndexed(job)) return ranked.slice(0, atLeast);
  const kept = new Map<number, Pod>();
  for (const pod of ranked) {
    const index = indexOf(job, pod);
    if (index !== undefined) kept.set(index, pod);
  }
  const staying = new Set(kept.values());
  const doubles = ranked.filter((pod) => !staying.has(pod));
  const others = ranked.filter((pod) => staying.has(pod));
  return [...doubles, ...others.slice(0, Math.max(0, atLeast - doubles.length))];
}

function soonest(...waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((wait) => wait !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
