/** The conditions of a Job. Its end is told twice: at first what will be, then, when no pod is left, that it is. Pure. */
import type { Job, JobCondition, JobStatus } from '@timonier/api';

export type ConditionType = 'SuccessCriteriaMet' | 'FailureTarget' | 'Complete' | 'Failed' | 'Suspended';

export function timestamp(now: number): string {
  return new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
}

export function newCondition(
  type: ConditionType,
  status: 'True' | 'False',
  reason: string,
  message: string,
  now: number,
): JobCondition {
  const time = timestamp(now);
  return { type, status, reason, message, lastProbeTime: time, lastTransitionTime: time };
}

export function trueCondition(status: JobStatus | undefined, type: ConditionType): JobCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
}

export function isFinished({ status }: Job): boolean {
  return (trueCondition(status, 'Complete') ?? trueCondition(status, 'Failed')) !== undefined;
}

/** With the condition in place of the one of its type; one that says `False` is not told where there was none. */
export function withCondition(
  conditions: readonly JobCondition[] | undefined,
  next: JobCondition,
): readonly JobCondition[] {
  const all = conditions ?? [];
  const known = all.find(({ type }) => type === next.type);
  if (known === undefined) return next.status === 'False' ? all : [...all, next];
  const same = known.status === next.status && known.reason === next.reason && known.message === next.message;
  return same ? all : all.map((one) => (one === known ? next : one));
}
