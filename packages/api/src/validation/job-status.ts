/**
 * What may be said of a job. A status that was wrong before may stay as it is: whoever asks drops the errors that the
 * old one has too.
 */
import type { Job, JobStatus } from '../generated/types.ts';
import { nonNegative } from './checks.ts';
import { duplicate, invalid, OMITTED, required, type FieldError } from './field-error.ts';
import { commonIndex, parseIndexes } from './job-indexes.ts';

type Condition = 'Complete' | 'Failed' | 'FailureTarget' | 'SuccessCriteriaMet';

function has({ conditions = [] }: JobStatus, wanted: Condition): boolean {
  return conditions.some(({ type, status }) => type === wanted && status === 'True');
}

const COUNTS = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;

export function jobStatus(job: Job, old: Job): FieldError[] {
  const status = job.status ?? {};
  return [
    ...COUNTS.flatMap((name) => nonNegative(`status.${name}`, status[name])),
    ...uncounted(status),
    ...ended(status),
    ...indexes(job, status),
    ...pods(status),
    ...criteria(job, status),
    ...transition(job, status, old.status ?? {}),
  ];
}

function conditionError(detail: string): FieldError {
  return invalid('status.conditions', OMITTED, detail);
}

/** Pods that have ended and are not yet part of the counts: each once. */
function uncounted({ uncountedTerminatedPods: pending }: JobStatus): FieldError[] {
  const seen = new Set<string>();
  return (['succeeded', 'failed'] as const).flatMap((list) =>
    (pending?.[list] ?? []).flatMap((uid, i) => {
      const field = `status.uncountedTerminatedPods.${list}[${i}]`;
      if (uid === '') return [invalid(field, uid, 'must not be empty')];
      if (seen.has(uid)) return [duplicate(field, uid)];
      seen.add(uid);
      return [];
    }),
  );
}

/** How a job ends, and when. */
function ended(status: JobStatus): FieldError[] {
  const { startTime, completionTime } = status;
  const errors: FieldError[] = [];
  const [isComplete, isFailed] = [has(status, 'Complete'), has(status, 'Failed')];
  if (isComplete && isFailed)
    errors.push(conditionError('cannot set Complete=True and Failed=true conditions'));
  if (isComplete && has(status, 'FailureTarget'))
    errors.push(conditionError('cannot set Complete=True and FailureTarget=true conditions'));
  if (completionTime !== undefined && !isComplete)
    errors.push(
      invalid(
        'status.completionTime',
        completionTime,
        'cannot set completionTime when there is no Complete=True condition',
      ),
    );
  if (completionTime === undefined && isComplete)
    errors.push(required('status.completionTime', 'completionTime is required for Complete jobs'));
  if (
    startTime !== undefined &&
    completionTime !== undefined &&
    Date.parse(completionTime) < Date.parse(startTime)
  )
    errors.push(
      invalid('status.completionTime', completionTime, 'completionTime cannot be set before startTime'),
    );
  if (isFailed && !has(status, 'FailureTarget'))
    errors.push(conditionError('cannot set Failed=True condition without the FailureTarget=true condition'));
  if (isComplete && !has(status, 'SuccessCriteriaMet'))
    errors.push(
      conditionError('cannot set Complete=True condition without the SuccessCriteriaMet=true condition'),
    );
  if (!isComplete && !isFailed) return errors;
  if ((status.active ?? 0) > 0)
    errors.push(invalid('status.active', status.active, 'active>0 is invalid for finished job'));
  if (startTime === undefined)
    errors.push(required('status.startTime', 'startTime is required for finished job'));
  const pending = status.uncountedTerminatedPods;
  if ((pending?.succeeded ?? []).length + (pending?.failed ?? []).length > 0)
    errors.push(
      invalid(
        'status.uncountedTerminatedPods',
        pending,
        'uncountedTerminatedPods needs to be empty for finished job',
      ),
    );
  return errors;
}

function indexes({ spec }: Job, { completedIndexes = '', failedIndexes }: JobStatus): FieldError[] {
  const errors: FieldError[] = [];
  const completions = spec?.completions;
  const completed = parseIndexes(completedIndexes, completions ?? 0);
  const failed = parseIndexes(failedIndexes ?? '', completions ?? 0);
  if (completions !== undefined) {
    if (completed.problem !== undefined)
      errors.push(
        invalid(
          'status.completedIndexes',
          completedIndexes,
          `error parsing completedIndexes: ${completed.problem}`,
        ),
      );
    if (spec?.backoffLimitPerIndex !== undefined && failed.problem !== undefined)
      errors.push(
        invalid('status.failedIndexes', failedIndexes, `error parsing failedIndexes: ${failed.problem}`),
      );
  }
  if (completedIndexes !== '' && spec?.completionMode !== 'Indexed')
    errors.push(
      invalid(
        'status.completedIndexes',
        completedIndexes,
        'cannot set non-empty completedIndexes when non-indexed completion mode',
      ),
    );
  if (spec?.backoffLimitPerIndex === undefined && failedIndexes !== undefined)
    errors.push(
      invalid(
        'status.failedIndexes',
        failedIndexes,
        'cannot set non-null failedIndexes when backoffLimitPerIndex is null',
      ),
    );
  const common = completions === undefined ? undefined : commonIndex(completed, failed);
  if (common !== undefined)
    errors.push(
      invalid(
        'status.failedIndexes',
        failedIndexes,
        `failedIndexes and completedIndexes overlap at index: ${common}`,
      ),
    );
  return errors;
}

function pods(status: JobStatus): FieldError[] {
  const { terminating, ready, active = 0 } = status;
  const errors: FieldError[] = [];
  const isFinished = has(status, 'Complete') || has(status, 'Failed');
  if (isFinished && (terminating ?? 0) > 0)
    errors.push(invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job'));
  if (ready !== undefined && ready > active)
    errors.push(invalid('status.ready', ready, 'cannot set more ready pods than active'));
  return errors;
}

function criteria({ spec }: Job, status: JobStatus): FieldError[] {
  const errors: FieldError[] = [];
  const isMet = has(status, 'SuccessCriteriaMet');
  if (isMet && has(status, 'Failed'))
    errors.push(conditionError('cannot set SuccessCriteriaMet=True and Failed=true conditions'));
  if (isMet && has(status, 'FailureTarget'))
    errors.push(conditionError('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'));
  if (spec?.successPolicy !== undefined && !isMet && has(status, 'Complete'))
    errors.push(
      conditionError('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True'),
    );
  return errors;
}

/** What has happened has happened. */
function transition({ spec }: Job, now: JobStatus, before: JobStatus): FieldError[] {
  const errors: FieldError[] = [];
  for (const type of ['Failed', 'Complete', 'FailureTarget'] as const)
    if (has(before, type) && !has(now, type))
      errors.push(conditionError(`cannot disable the terminal ${type}=True condition`));
  if ((now.failed ?? 0) < (before.failed ?? 0))
    errors.push(invalid('status.failed', now.failed ?? 0, 'cannot decrease the failed counter'));
  // An indexed job that is made smaller has fewer indexes that can have succeeded.
  const isElastic = spec?.completionMode === 'Indexed' && spec.completions === spec.parallelism;
  if (!isElastic && (now.succeeded ?? 0) < (before.succeeded ?? 0))
    errors.push(invalid('status.succeeded', now.succeeded ?? 0, 'cannot decrease the succeeded counter'));
  const { completionTime: end, startTime: start } = before;
  if (end !== undefined && now.completionTime !== undefined && now.completionTime !== end)
    errors.push(invalid('status.completionTime', now.completionTime, 'completionTime cannot be mutated'));
  if (start !== undefined && now.startTime !== start && spec?.suspend !== true)
    errors.push(required('status.startTime', 'startTime cannot be removed for unsuspended job'));
  const wasMet = has(before, 'SuccessCriteriaMet');
  const isMet = has(now, 'SuccessCriteriaMet');
  if (wasMet && !isMet) errors.push(conditionError('cannot disable the SuccessCriteriaMet=True condition'));
  if (has(before, 'Complete') && !wasMet && isMet)
    errors.push(
      conditionError('cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions'),
    );
  return errors;
}
