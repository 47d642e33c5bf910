/** How long a Job waits before it makes a pod for one that failed: 10 s, doubling with every failure in a row. Pure. */
import type { Pod } from '@timonier/api';
import { endedAt } from './pods.ts';

const firstWaitMs = 10_000;
const maxWaitMs = 10 * 60_000;

/** Failures since the last success, and when the last of them was. */
export interface FailureRecord {
  readonly count: number;
  readonly lastAt: number;
}

export const noFailures: FailureRecord = { count: 0, lastAt: 0 };

/** The record with pods that have ended since it was made. */
export function afterPods(
  record: FailureRecord,
  succeeded: readonly Pod[],
  failed: readonly Pod[],
): FailureRecord {
  if (succeeded.length + failed.length === 0) return record;
  const lastSuccess = succeeded.length === 0 ? undefined : Math.max(...succeeded.map(endedAt));
  const since = failed.map(endedAt).filter((at) => lastSuccess === undefined || at > lastSuccess);
  if (since.length === 0) return noFailures;
  return { count: (lastSuccess === undefined ? record.count : 0) + since.length, lastAt: Math.max(...since) };
}

/** 0 when there is nothing to wait for. */
export function waitMs({ count, lastAt }: FailureRecord, now: number): number {
  if (count === 0) return 0;
  const wait = Math.min(firstWaitMs * 2 ** (count - 1), maxWaitMs);
  return Math.max(0, lastAt + wait - now);
}
