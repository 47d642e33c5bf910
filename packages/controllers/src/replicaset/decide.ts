/**
 * What a ReplicaSet needs next: which orphans to adopt, which pods to let go, how many to create, which to delete,
 * and the status that follows from the pods seen. Pure.
 */
import { type Pod, type ReplicaSet, type ReplicaSetStatus, selectorMatches } from '@timonier/api';
import { sameValue } from '../equality.ts';
import { availableInMs, isPodActive } from '../pods.ts';
import { controllerOf } from '../owner.ts';
import { matchesLabels } from '../selector.ts';
import { rankForDeletion } from './deletion-order.ts';

export interface ReplicaSetState {
  readonly set: ReplicaSet;
  /** Pods that the set controls, and pods of its namespace that nobody controls. */
  readonly pods: readonly Pod[];
  /** Active pods on each node that belong to sets of the same owner; breaks ties when scaling down. */
  readonly neighbours: ReadonlyMap<string, number>;
  readonly now: number;
}

export interface ReplicaSetDecision {
  readonly adopt: readonly Pod[];
  readonly release: readonly Pod[];
  readonly create: number;
  readonly delete: readonly Pod[];
  /** The pods that count, adopted ones among them. */
  readonly active: readonly Pod[];
  /** As it is when all of this succeeds, only when it differs from the one stored. */
  readonly status: ReplicaSetStatus | undefined;
  /** When time alone will change the status. */
  readonly againAfterMs: number | undefined;
}

/** No more pods than this are created or deleted in one go. */
const burstLimit = 500;

export function decide({ set, pods, neighbours, now }: ReplicaSetState): ReplicaSetDecision {
  const uid = set.metadata?.uid;
  const deleting = set.metadata?.deletionTimestamp !== undefined;
  const adopt: Pod[] = [];
  const release: Pod[] = [];
  const active: Pod[] = [];
  for (const pod of pods) {
    const matches = selectorMatches(set.spec?.selector, pod.metadata?.labels);
    if (controllerOf(pod)?.uid === uid) {
      if (!matches && !deleting) release.push(pod);
      else if (isPodActive(pod)) active.push(pod);
    } else if (controllerOf(pod) === undefined && matches && isPodActive(pod) && !deleting) {
      adopt.push(pod);
      active.push(pod);
    }
  }
  const wanted = set.spec?.replicas ?? 1;
  const missing = deleting ? 0 : wanted - active.length;
  const victims =
    missing < 0 ? rankForDeletion(active, neighbours, now).slice(0, Math.min(-missing, burstLimit)) : [];
  const { status, againAfterMs } = statusOf(set, active, now);
  return {
    adopt,
    release,
    create: Math.min(Math.max(0, missing), burstLimit),
    delete: victims,
    active,
    status: sameValue(status, set.status) ? undefined : status,
    againAfterMs,
  };
}

/** Why pods could not be created or deleted. */
export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly message: string;
}

/** The status after an attempt that failed; undefined when it is the one stored. */
export function failedStatus(
  set: ReplicaSet,
  active: readonly Pod[],
  now: number,
  failure: ReplicaFailure,
): ReplicaSetStatus | undefined {
  const { status } = statusOf(set, active, now, failure);
  return sameValue(status, set.status) ? undefined : status;
}

function statusOf(
  set: ReplicaSet,
  active: readonly Pod[],
  now: number,
  failure?: ReplicaFailure,
): { status: ReplicaSetStatus; againAfterMs: number | undefined } {
  const labels = set.spec?.template?.metadata?.labels ?? {};
  let fullyLabeledReplicas = 0;
  let readyReplicas = 0;
  let availableReplicas = 0;
  let againAfterMs: number | undefined;
  for (const pod of active) {
    if (matchesLabels(labels, pod.metadata?.labels)) fullyLabeledReplicas += 1;
    const wait = availableInMs(pod, set.spec?.minReadySeconds ?? 0, now);
    if (wait === undefined) continue;
    readyReplicas += 1;
    if (wait === 0) availableReplicas += 1;
    else againAfterMs = Math.min(againAfterMs ?? Infinity, wait);
  }
  const conditions = (set.status?.conditions ?? []).filter(({ type }) => type !== 'ReplicaFailure');
  if (failure !== undefined) {
    // The first failure stays until an attempt succeeds: later ones name other pods, but no other cause.
    const known = set.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
    const lastTransitionTime = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
    conditions.push(known ?? { type: 'ReplicaFailure', status: 'True', ...failure, lastTransitionTime });
  }
  return {
    status: {
      replicas: active.length,
      ...(fullyLabeledReplicas === 0 ? {} : { fullyLabeledReplicas }),
      ...(readyReplicas === 0 ? {} : { readyReplicas }),
      ...(availableReplicas === 0 ? {} : { availableReplicas }),
      ...(set.metadata?.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
      ...(conditions.length === 0 ? {} : { conditions }),
    },
    againAfterMs,
  };
}
