/**
 * What a StatefulSet needs next, in the order in which it is to be done. Pure. Unless pods may be managed in parallel,
 * a pod is made only when all before it are available, and removed only when all after it are gone; a rollout goes on
 * only when nothing of that is left to do.
 */
import {
  type ControllerRevision,
  type PersistentVolumeClaim,
  type Pod,
  scaledIntOrPercent,
  type StatefulSet,
  type StatefulSetStatus,
} from '@timonier/api';
import { sameValue } from '../equality.ts';
import { availableInMs, isPodFinished, isPodReady } from '../pods.ts';
import { templateIn } from '../revision-control.ts';
import {
  claimsFor,
  isWanted,
  missingLabels,
  ordinalOf,
  podFor,
  revisionOf,
  wantedOrdinals,
} from './identity.ts';
import { isStale, rightlyOwned } from './retention.ts';

export interface StatefulSetState {
  readonly set: StatefulSet;
  /** Its own pods. */
  readonly pods: readonly Pod[];
  /** Claims of the namespace by name. */
  readonly claim: (name: string) => PersistentVolumeClaim | undefined;
  /** The revision of the set's template, and the one that pods had before. */
  readonly update: ControllerRevision;
  readonly before: ControllerRevision;
  readonly now: number;
}

export type StatefulSetAction =
  | { readonly type: 'create'; readonly pod: Pod; readonly claims: readonly PersistentVolumeClaim[] }
  | { readonly type: 'delete'; readonly pod: Pod }
  | { readonly type: 'claims'; readonly pod: Pod; readonly claims: readonly PersistentVolumeClaim[] }
  | { readonly type: 'label'; readonly pod: Pod; readonly labels: Record<string, string> }
  | { readonly type: 'own'; readonly claim: PersistentVolumeClaim };

export interface StatefulSetDecision {
  readonly actions: readonly StatefulSetAction[];
  /** Only when it differs from the one stored. */
  readonly status: StatefulSetStatus | undefined;
  /** When time alone changes the decision. */
  readonly againAfterMs: number | undefined;
}

export function decide(state: StatefulSetState): StatefulSetDecision {
  const { set, pods, now } = state;
  const status = statusOf(state);
  const waits = pods
    .map((pod) => availableInMs(pod, set.spec?.minReadySeconds ?? 0, now))
    .filter((wait) => wait !== undefined && wait > 0);
  return {
    actions: set.metadata?.deletionTimestamp === undefined ? actionsOf(state) : [],
    status: sameValue(status, set.status) ? undefined : status,
    againAfterMs: waits.length === 0 ? undefined : Math.min(...(waits as number[])),
  };
}

function actionsOf(state: StatefulSetState): StatefulSetAction[] {
  const { set, pods } = state;
  const inOrder = set.spec?.podManagementPolicy !== 'Parallel';
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod), pod]));
  const actions: StatefulSetAction[] = [];
  for (const ordinal of wantedOrdinals(set)) {
    const { actions: needed, done } = replicaNeeds(state, ordinal, byOrdinal.get(ordinal));
    actions.push(...needed);
    if (!done && inOrder) return actions;
  }
  const surplus = surplusOf(state);
  for (const pod of surplus) actions.push(...ownership(state, pod));
  const removed = removals(state, surplus, inOrder);
  actions.push(...removed);
  if (inOrder && surplus.length > 0) return actions;
  return [...actions, ...rollout(state, byOrdinal)];
}

/** `done` when the next in order may have its turn. */
function replicaNeeds(
  state: StatefulSetState,
  ordinal: number,
  pod: Pod | undefined,
): { readonly actions: readonly StatefulSetAction[]; readonly done: boolean } {
  const { set, claim } = state;
  const claims = claimsFor(set, ordinal);
  const missing = claims.filter(({ metadata }) => claim(metadata?.name ?? '') === undefined);
  if (pod === undefined) {
    const known = claims.map(({ metadata }) => claim(metadata?.name ?? ''));
    // A claim of the pod that had this name before goes any moment: a new pod must not take it.
    if (known.some((one) => one !== undefined && isOfEarlierPod(set, ordinal, one))) {
      return { actions: [], done: false };
    }
    return { actions: [{ type: 'create', pod: newPod(state, ordinal), claims: missing }], done: false };
  }
  const leaving = pod.metadata?.deletionTimestamp !== undefined;
  if (isPodFinished(pod)) return { actions: leaving ? [] : [{ type: 'delete', pod }], done: false };
  const actions: StatefulSetAction[] = [];
  if (pod.status?.phase === 'Pending' && missing.length > 0)
    actions.push({ type: 'claims', pod, claims: missing });
  const inOrder = set.spec?.podManagementPolicy !== 'Parallel';
  const available = !leaving && isAvailable(state, pod);
  if (!available && inOrder) return { actions, done: false };
  const labels = missingLabels(set, pod);
  if (labels !== undefined) actions.push({ type: 'label', pod, labels });
  return { actions: [...actions, ...ownership(state, pod)], done: available };
}

function isOfEarlierPod(set: StatefulSet, ordinal: number, { metadata }: PersistentVolumeClaim): boolean {
  const pod = { apiVersion: 'v1', kind: 'Pod', name: `${set.metadata?.name ?? ''}-${ordinal}`, uid: '' };
  return (
    metadata?.deletionTimestamp !== undefined ||
    (metadata?.ownerReferences ?? []).some((owner) => isStale(owner, pod))
  );
}

/** Below the partition pods stay what they were, also when they are made anew. */
function newPod({ set, update, before }: StatefulSetState, ordinal: number): Pod {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  const start = set.spec?.ordinals?.start ?? 0;
  const stays = type !== 'OnDelete' && ordinal < start + (rollingUpdate?.partition ?? 0);
  const revision = stays ? before : update;
  return podFor(set, templateIn(revision), revision.metadata?.name ?? '', ordinal);
}

function ownership({ set, claim }: StatefulSetState, pod: Pod): StatefulSetAction[] {
  const ordinal = ordinalOf(set, pod);
  if (ordinal === undefined) return [];
  return claimsFor(set, ordinal).flatMap(({ metadata }): StatefulSetAction[] => {
    const known = claim(metadata?.name ?? '');
    const owned = known === undefined ? undefined : rightlyOwned(set, pod, known);
    return owned === undefined ? [] : [{ type: 'own', claim: owned }];
  });
}

/** Pods beyond the number that there is to be, the last one first. */
function surplusOf({ set, pods }: StatefulSetState): Pod[] {
  const ordinal = (pod: Pod): number => ordinalOf(set, pod) ?? -1;
  return pods
    .filter((pod) => ordinal(pod) >= 0 && !isWanted(set, ordinal(pod)))
    .toSorted((a, b) => ordinal(b) - ordinal(a));
}

function removals(state: StatefulSetState, surplus: readonly Pod[], inOrder: boolean): StatefulSetAction[] {
  const leaving = ({ metadata }: Pod): boolean => metadata?.deletionTimestamp !== undefined;
  if (!inOrder) return surplus.filter((pod) => !leaving(pod)).map((pod) => ({ type: 'delete', pod }));
  const [last] = surplus;
  if (last === undefined || leaving(last)) return [];
  // One that is not well waits while another one that is to go, with a lower ordinal, is not well, either.
  const sick = surplus.findLast((pod) => leaving(pod) || !isAvailable(state, pod));
  return isAvailable(state, last) || last === sick ? [{ type: 'delete', pod: last }] : [];
}

/** Replaces old pods, the last one first, as long as no more are unavailable than may be. */
function rollout(
  state: StatefulSetState,
  byOrdinal: ReadonlyMap<number | undefined, Pod>,
): StatefulSetAction[] {
  const { set, update } = state;
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  if (type === 'OnDelete') return [];
  const replicas = set.spec?.replicas ?? 1;
  const limit = Math.max(1, scaledIntOrPercent(rollingUpdate?.maxUnavailable ?? 1, replicas, false));
  const ordinals = wantedOrdinals(set);
  const isThere = (ordinal: number): boolean => {
    const pod = byOrdinal.get(ordinal);
    return pod !== undefined && pod.metadata?.deletionTimestamp === undefined && isAvailable(state, pod);
  };
  let room = limit - ordinals.filter((ordinal) => !isThere(ordinal)).length;
  const actions: StatefulSetAction[] = [];
  for (const ordinal of ordinals.slice(rollingUpdate?.partition ?? 0).toReversed()) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined || isPodFinished(pod) || pod.metadata?.deletionTimestamp !== undefined) continue;
    if (revisionOf(pod) === update.metadata?.name) continue;
    // An old one that serves nobody is replaced without anybody missing it.
    const costs = isThere(ordinal) ? 1 : 0;
    if (costs > room && costs > 0) continue;
    room -= costs;
    actions.push({ type: 'delete', pod });
  }
  return actions;
}

function isAvailable({ set, now }: StatefulSetState, pod: Pod): boolean {
  const wait = availableInMs(pod, set.spec?.minReadySeconds ?? 0, now);
  return pod.status?.phase === 'Running' && wait === 0;
}

function statusOf(state: StatefulSetState): StatefulSetStatus {
  const { set, update, before } = state;
  const pods = state.pods.filter((pod) => ordinalOf(set, pod) !== undefined);
  const staying = pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  const of = (name: string | undefined): number => staying.filter((pod) => revisionOf(pod) === name).length;
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod)).length;
  const [updateRevision = '', oldRevision = ''] = [update.metadata?.name, before.metadata?.name];
  const updated = of(updateRevision);
  const replicas = set.spec?.replicas ?? 1;
  const complete =
    set.spec?.updateStrategy?.type !== 'OnDelete' &&
    [updated, ready, pods.length].every((count) => count === replicas);
  const current = complete ? updated : of(oldRevision);
  const { conditions, collisionCount = 0 } = set.status ?? {};
  return {
    replicas: pods.length,
    ...(ready === 0 ? {} : { readyReplicas: ready }),
    availableReplicas: pods.filter((pod) => isAvailable(state, pod)).length,
    ...(current === 0 ? {} : { currentReplicas: current }),
    ...(updated === 0 ? {} : { updatedReplicas: updated }),
    currentRevision: complete ? updateRevision : oldRevision,
    updateRevision,
    collisionCount,
    ...(set.metadata?.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
    ...(conditions === undefined ? {} : { conditions }),
  };
}
