/** When a Job that has ended may be removed. Pure. */
import type { Job } from '@timonier/api';
import { trueCondition } from '../job/conditions.ts';

/** Milliseconds until its time to live is over: undefined when it has none, has not ended, or goes already. */
export function expiresInMs({ metadata, spec, status }: Job, now: number): number | undefined {
  if (metadata?.deletionTimestamp !== undefined || spec?.ttlSecondsAfterFinished === undefined)
    return undefined;
  const end = trueCondition(status, 'Complete') ?? trueCondition(status, 'Failed');
  const endedAt = Date.parse(end?.lastTransitionTime ?? '');
  if (Number.isNaN(endedAt)) return undefined;
  return Math.max(0, endedAt + spec.ttlSecondsAfterFinished * 1000 - now);
}
