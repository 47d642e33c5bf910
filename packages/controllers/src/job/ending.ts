/** Whether a Job ends, and why, in upstream's order: what was decided before, failures, then success. Pure. */
import type { Job, JobCondition, Pod } from '@timonier/api';
import { newCondition, trueCondition } from './conditions.ts';
import type { Progress } from './count.ts';
import { judgeFailure } from './failure-policy.ts';
import { Indexes } from './indexes.ts';
import { hasFailed, isSuspended } from './pods.ts';

/** What will be said of the Job when no pod is left; undefined while it goes on. */
export function endingOf(
  job: Job,
  pods: readonly Pod[],
  progress: Progress,
  now: number,
): JobCondition | undefined {
  const { spec, status } = job;
  const decided = trueCondition(status, 'SuccessCriteriaMet') ?? trueCondition(status, 'FailureTarget');
  if (decided !== undefined) return decided;
  const fail = (reason: string, message: string): JobCondition =>
    newCondition('FailureTarget', 'True', reason, message, now);
  for (const pod of spec?.podFailurePolicy === undefined ? [] : pods) {
    const { message } = hasFailed(job, pod) ? judgeFailure(job, pod) : {};
    if (message !== undefined) return fail('PodFailurePolicy', message);
  }
  if (progress.failed > (spec?.backoffLimit ?? 6) || restartsTooOften(job, pods)) {
    return fail('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  if (deadlineInMs(job, now) === 0) {
    return fail('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  const { failedIndexes, succeededIndexes } = progress;
  if (failedIndexes !== undefined) {
    if (spec?.maxFailedIndexes !== undefined && failedIndexes.size > spec.maxFailedIndexes) {
      const message = 'Job has exceeded the specified maximal number of failed indexes';
      return fail('MaxFailedIndexesExceeded', message);
    }
    const settled = failedIndexes.size + succeededIndexes.size;
    if (failedIndexes.size > 0 && settled >= (spec?.completions ?? 0)) {
      return fail('FailedIndexes', 'Job has failed indexes');
    }
  }
  const rule = matchingSuccessRule(job, succeededIndexes);
  if (rule === undefined) return undefined;
  return newCondition('SuccessCriteriaMet', 'True', 'SuccessPolicy', `Matched rules at index ${rule}`, now);
}

/** Milliseconds until the Job has been active too long: undefined when it may be for ever, or is suspended. */
export function deadlineInMs(job: Job, now: number): number | undefined {
  const { spec, status } = job;
  if (spec?.activeDeadlineSeconds === undefined || status?.startTime === undefined) return undefined;
  if (isSuspended(job)) return undefined;
  return Math.max(0, Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000 - now);
}

/** Of pods that are started again where they are, their restarts are the failures. */
function restartsTooOften({ spec }: Job, pods: readonly Pod[]): boolean {
  if (spec?.template.spec?.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const { status } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue;
    const statuses = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    for (const { restartCount } of statuses) restarts += restartCount;
  }
  return restarts > 0 && restarts >= (spec.backoffLimit ?? 6);
}

function matchingSuccessRule({ spec }: Job, succeeded: Indexes): number | undefined {
  const found = (spec?.successPolicy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeeded.size >= (succeededCount ?? Infinity);
    const wanted = Indexes.parse(succeededIndexes, spec?.completions ?? 0);
    return wanted.common(succeeded) >= (succeededCount ?? wanted.size);
  });
  return found < 0 ? undefined : found;
}
