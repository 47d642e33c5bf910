/** Pods that were to be disturbed and were not: after a while they say so no longer. Pure. */
import type { Pod } from '@timonier/api';
import { timestamp } from '../job/conditions.ts';
import { isPodFinished, podCondition } from '../pods.ts';

const type = 'DisruptionTarget';
const staleAfterMs = 120_000;

/** Milliseconds until the condition is stale; undefined when it never will be: kubelets end pods when they can. */
export function staleInMs(pod: Pod, now: number): number | undefined {
  const condition = podCondition(pod, type);
  if (condition?.status !== 'True' || condition.reason === 'TerminationByKubelet') return undefined;
  if (pod.metadata?.deletionTimestamp !== undefined || isPodFinished(pod)) return undefined;
  const since = Date.parse(condition.lastTransitionTime ?? '');
  return Math.max(0, (Number.isNaN(since) ? 0 : since) + staleAfterMs - now);
}

export function withoutDisruption(pod: Pod, now: number): Pod {
  const conditions = (pod.status?.conditions ?? []).map((condition) =>
    condition.type === type
      ? { type, status: 'False' as const, lastTransitionTime: timestamp(now) }
      : condition,
  );
  return { ...pod, status: { ...pod.status, conditions } };
}
