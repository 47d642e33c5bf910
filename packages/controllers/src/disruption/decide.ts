/** What a PodDisruptionBudget says of its pods: how many are well, how many have to be, how many may be disturbed. Pure. */
import {
  type PodDisruptionBudget,
  type PodDisruptionBudgetStatus,
  type Pod,
  scaledIntOrPercent,
} from '@timonier/api';
import { timestamp } from '../job/conditions.ts';
import { isPodReady } from '../pods.ts';
import type { ExpectedScale } from './scale.ts';

/** A pod that an eviction was granted for, and that nobody deleted in that time, stays. */
export const deletionTimeoutMs = 120_000;

export interface BudgetState {
  readonly budget: PodDisruptionBudget;
  /** Those that it selects. */
  readonly pods: readonly Pod[];
  /** Of all their controllers together. */
  readonly scale: ExpectedScale;
  readonly now: number;
}

export interface BudgetEvent {
  /** The budget where no pod is told. */
  readonly pod?: Pod;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface BudgetDecision {
  readonly status: PodDisruptionBudgetStatus;
  readonly events: readonly BudgetEvent[];
  /** When a grant that was not used is taken back. */
  readonly againAfterMs: number | undefined;
}

/** Whether what it wants depends on how many pods there should be, and not only on how many there are. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === 'string';
}

export function decide({ budget, pods, scale, now }: BudgetState): BudgetDecision {
  const events: BudgetEvent[] = [];
  if (pods.length === 0) events.push({ type: 'Normal', reason: 'NoPods', message: 'No matching pods found' });
  const expected = needsScale(budget) ? expectedOf(budget, scale) : fixed(budget, pods);
  if (typeof expected === 'string') {
    const message = `Failed to calculate the number of expected pods: ${expected}`;
    events.push({ type: 'Warning', reason: 'CalculateExpectedPodCountFailed', message });
    return { status: failed(budget, expected, now), events, againAfterMs: undefined };
  }
  if (needsScale(budget) && scale.unmanaged.length > 0)
    events.push({ type: 'Warning', reason: 'UnmanagedPods', message: unmanaged(budget) });
  const { expectedPods, desiredHealthy } = expected;
  const granted = stillGranted(budget, pods, now, events);
  const currentHealthy = pods.filter(
    (pod) =>
      pod.metadata?.deletionTimestamp === undefined &&
      !granted.has(pod.metadata?.name ?? '') &&
      isPodReady(pod),
  ).length;
  const spare = currentHealthy - desiredHealthy;
  // A budget without pods has no room: its first ones may come before it is looked at again.
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, spare) : 0;
  const observedGeneration = budget.metadata?.generation ?? 0;
  return {
    status: {
      observedGeneration,
      ...(granted.size === 0 ? {} : { disruptedPods: Object.fromEntries(granted) }),
      disruptionsAllowed,
      currentHealthy,
      desiredHealthy,
      expectedPods,
      conditions: withCondition(
        budget,
        disruptionsAllowed > 0
          ? { status: 'True', reason: 'SufficientPods', message: '' }
          : { status: 'False', reason: 'InsufficientPods', message: '' },
        observedGeneration,
        now,
      ),
    },
    events,
    againAfterMs: soonest([...granted.values()].map((time) => Date.parse(time) + deletionTimeoutMs - now)),
  };
}

interface Expected {
  readonly expectedPods: number;
  readonly desiredHealthy: number;
}

function fixed({ spec }: PodDisruptionBudget, pods: readonly Pod[]): Expected {
  const { minAvailable } = spec ?? {};
  if (typeof minAvailable !== 'number') return { expectedPods: 0, desiredHealthy: 0 };
  return { expectedPods: pods.length, desiredHealthy: minAvailable };
}

function expectedOf({ spec }: PodDisruptionBudget, scale: ExpectedScale): Expected | string {
  if (scale.problem !== undefined) return scale.problem;
  const { maxUnavailable, minAvailable = 0 } = spec ?? {};
  const expectedPods = scale.replicas;
  try {
    const desiredHealthy =
      maxUnavailable === undefined
        ? scaledIntOrPercent(minAvailable, expectedPods, true)
        : Math.max(0, expectedPods - scaledIntOrPercent(maxUnavailable, expectedPods, true));
    return { expectedPods, desiredHealthy };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Pods that an eviction was granted for and that still have to be marked as going, with the time of the grant. */
function stillGranted(
  { metadata, status }: PodDisruptionBudget,
  pods: readonly Pod[],
  now: number,
  events: BudgetEvent[],
): ReadonlyMap<string, string> {
  const granted = new Map<string, string>();
  for (const pod of pods) {
    const name = pod.metadata?.name ?? '';
    const time = status?.disruptedPods?.[name];
    if (time === undefined || pod.metadata?.deletionTimestamp !== undefined) continue;
    if (Date.parse(time) + deletionTimeoutMs > now) granted.set(name, time);
    else {
      const message = `Pod was expected by PDB ${metadata?.namespace ?? ''}/${metadata?.name ?? ''} to be deleted but it wasn't`;
      events.push({ pod, type: 'Warning', reason: 'NotDeleted', message });
    }
  }
  return granted;
}

/** Where nothing is known nothing may be disturbed. */
export function failed(budget: PodDisruptionBudget, message: string, now: number): PodDisruptionBudgetStatus {
  const { status = {} } = budget;
  const condition = { status: 'False', reason: 'SyncFailed', message } as const;
  return {
    currentHealthy: 0,
    desiredHealthy: 0,
    expectedPods: 0,
    ...status,
    disruptionsAllowed: 0,
    conditions: withCondition(budget, condition, status.observedGeneration ?? 0, now),
  };
}

type Conditions = NonNullable<PodDisruptionBudgetStatus['conditions']>;

function withCondition(
  { status }: PodDisruptionBudget,
  next: Pick<Conditions[number], 'status' | 'reason' | 'message'>,
  observedGeneration: number,
  now: number,
): Conditions {
  const type = 'DisruptionAllowed';
  const known = status?.conditions?.find((condition) => condition.type === type);
  const lastTransitionTime = known?.status === next.status ? known.lastTransitionTime : timestamp(now);
  const others = (status?.conditions ?? []).filter((condition) => condition.type !== type);
  return [...others, { type, ...next, observedGeneration, lastTransitionTime }];
}

function unmanaged({ spec }: PodDisruptionBudget): string {
  return `Pods selected by this PodDisruptionBudget (selector: ${JSON.stringify(spec?.selector ?? {})}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
}

function soonest(waits: readonly number[]): number | undefined {
  return waits.length === 0 ? undefined : Math.max(0, Math.min(...waits));
}
