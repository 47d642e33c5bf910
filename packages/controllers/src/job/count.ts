/** How far a Job is: pods that have ended, counted ones and new ones together, and for indexed Jobs which indexes. Pure. */
import type { Job, Pod } from '@timonier/api';
import { isPodActive } from '../pods.ts';
import { judgeFailure } from './failure-policy.ts';
import { Indexes } from './indexes.ts';
import { earlierFailures, hasFailed, type IndexFailures, indexOf, isTracked, isValid } from './pods.ts';

export interface Progress {
  readonly active: readonly Pod[];
  readonly newSucceeded: readonly Pod[];
  readonly newFailed: readonly Pod[];
  readonly succeeded: number;
  readonly failed: number;
  readonly succeededIndexes: Indexes;
  /** Undefined unless the Job limits failures per index. */
  readonly failedIndexes: Indexes | undefined;
  /** Of indexes that are to be tried again the last pod that failed: it stays until its successor knows of it. */
  readonly awaited: ReadonlyMap<number, Pod>;
}

export function progressOf(job: Job, pods: readonly Pod[]): Progress {
  const { status, spec } = job;
  const completions = spec?.completions ?? 0;
  const uncounted = status?.uncountedTerminatedPods ?? {};
  const isNew = (pod: Pod, known: readonly string[] | undefined): boolean =>
    isTracked(pod) && isValid(job, pod) && known?.includes(pod.metadata?.uid ?? '') !== true;
  const newSucceeded = pods.filter(
    (pod) => isNew(pod, uncounted.succeeded) && pod.status?.phase === 'Succeeded',
  );
  const newFailed = pods.filter((pod) => isNew(pod, uncounted.failed) && hasFailed(job, pod));
  const counting = newFailed.filter((pod) => judgeFailure(job, pod).action !== 'Ignore');
  const succeededIndexes = Indexes.parse(status?.completedIndexes ?? '', completions).with(
    Indexes.of(newSucceeded.map((pod) => indexOf(job, pod)).filter((index) => index !== undefined)),
  );
  const failedIndexes = failedIndexesOf(job, pods, succeededIndexes);
  const active = pods.filter(isPodActive);
  return {
    active,
    newSucceeded,
    newFailed,
    succeeded:
      spec?.completionMode === 'Indexed'
        ? succeededIndexes.size
        : (status?.succeeded ?? 0) + newSucceeded.length + (uncounted.succeeded?.length ?? 0),
    failed: (status?.failed ?? 0) + counting.length + (uncounted.failed?.length ?? 0),
    succeededIndexes,
    failedIndexes,
    awaited:
      failedIndexes === undefined
        ? new Map()
        : awaitedPods(job, pods, succeededIndexes.with(failedIndexes).with(indexesOf(job, active))),
  };
}

export function indexesOf(job: Job, pods: readonly Pod[]): Indexes {
  return Indexes.of(pods.map((pod) => indexOf(job, pod)).filter((index) => index !== undefined));
}

function failedIndexesOf(job: Job, pods: readonly Pod[], succeeded: Indexes): Indexes | undefined {
  const limit = job.spec?.backoffLimitPerIndex;
  if (limit === undefined) return undefined;
  const failed = pods.filter((pod) => {
    const index = indexOf(job, pod);
    if (index === undefined || succeeded.has(index) || !isTracked(pod) || !hasFailed(job, pod)) return false;
    const { action } = judgeFailure(job, pod);
    return action === 'FailIndex' || (action !== 'Ignore' && earlierFailures(pod).counted >= limit);
  });
  return Indexes.parse(job.status?.failedIndexes ?? '', job.spec?.completions ?? 0).with(
    indexesOf(job, failed),
  );
}

function awaitedPods(job: Job, pods: readonly Pod[], settled: Indexes): Map<number, Pod> {
  const awaited = new Map<number, Pod>();
  for (const pod of pods) {
    const index = indexOf(job, pod);
    if (index === undefined || settled.has(index) || !isTracked(pod) || !hasFailed(job, pod)) continue;
    const known = awaited.get(index);
    if (known === undefined || allFailures(known) <= allFailures(pod)) awaited.set(index, pod);
  }
  return awaited;
}

function allFailures(pod: Pod): number {
  const { counted, ignored } = earlierFailures(pod);
  return counted + ignored;
}

/** What the successor of a pod is told: its own failure, too. */
export function failuresUpTo(job: Job, pod: Pod | undefined): IndexFailures {
  if (pod === undefined) return { counted: 0, ignored: 0 };
  const { counted, ignored } = earlierFailures(pod);
  return judgeFailure(job, pod).action === 'Ignore'
    ? { counted, ignored: ignored + 1 }
    : { counted: counted + 1, ignored };
}
