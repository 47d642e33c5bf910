/**
 * How a DaemonSet's pods are brought to the current template: with maxUnavailable old pods are deleted first, with
 * maxSurge new ones come up beside them. Pure.
 */
import { type DaemonSet, type Pod, scaledIntOrPercent } from '@timonier/api';
import { availableInMs } from '../pods.ts';
import { isUpdated } from './nodes.ts';

export interface Limits {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** Both round up; when both come out 0 one pod may be unavailable, or nothing could move. */
function limitsOf(set: DaemonSet, desired: number): Limits {
  const strategy = set.spec?.updateStrategy;
  if (strategy?.type === 'OnDelete') return { maxSurge: 0, maxUnavailable: 0 };
  const { maxSurge = 0, maxUnavailable = 1 } = strategy?.rollingUpdate ?? {};
  const surge = scaledIntOrPercent(maxSurge, desired, true);
  const unavailable = scaledIntOrPercent(maxUnavailable, desired, true);
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** Whether two pods of a node may live side by side while one takes over from the other. */
export function allowsSurge(set: DaemonSet): boolean {
  return limitsOf(set, 1).maxSurge > 0;
}

export interface RolloutState {
  readonly set: DaemonSet;
  readonly hash: string;
  /** Every node that wants a pod, and every other that has some. */
  readonly podsByNode: ReadonlyMap<string, readonly Pod[]>;
  readonly desired: number;
  readonly now: number;
}

export interface RolloutStep {
  /** Nodes that get a pod of the current template beside the one they have. */
  readonly create: readonly string[];
  readonly delete: readonly Pod[];
}

export function rolloutStep(state: RolloutState): RolloutStep {
  const { set, desired } = state;
  const { maxSurge, maxUnavailable } = limitsOf(set, desired);
  return maxSurge === 0 ? replace(state, maxUnavailable) : surge(state, maxSurge);
}

function replace(state: RolloutState, maxUnavailable: number): RolloutStep {
  let unavailable = 0;
  const broken: Pod[] = [];
  const candidates: Pod[] = [];
  for (const pods of state.podsByNode.values()) {
    const pair = oldAndNew(state, pods);
    const only = pair === undefined ? undefined : onlyOneOf(pair);
    if (only === undefined || !isAvailable(state, only)) unavailable += 1;
    if (only === undefined || only !== pair?.old) continue;
    // One that serves nobody loses nothing when it is replaced.
    if (isAvailable(state, only)) candidates.push(only);
    else broken.push(only);
  }
  return {
    create: [],
    delete: [...broken, ...candidates.slice(0, Math.max(0, maxUnavailable - unavailable))],
  };
}

function surge(state: RolloutState, maxSurge: number): RolloutStep {
  let surging = 0;
  const urgent: string[] = [];
  const candidates: string[] = [];
  const replaced: Pod[] = [];
  for (const [node, pods] of state.podsByNode) {
    const pair = oldAndNew(state, pods);
    if (pair === undefined) {
      surging += 1;
    } else if (pair.old !== undefined && pair.updated === undefined) {
      (isAvailable(state, pair.old) ? candidates : urgent).push(node);
    } else if (pair.old !== undefined && pair.updated !== undefined) {
      if (isAvailable(state, pair.updated)) replaced.push(pair.old);
      else surging += 1;
    }
  }
  return { create: [...urgent, ...candidates.slice(0, Math.max(0, maxSurge - surging))], delete: replaced };
}

interface Pair {
  readonly old: Pod | undefined;
  readonly updated: Pod | undefined;
}

/** The node's pods that are not leaving; undefined when there is more than one of a side, which is put right first. */
function oldAndNew({ set, hash }: RolloutState, pods: readonly Pod[]): Pair | undefined {
  const staying = pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  const updated = staying.filter((pod) => isUpdated(set, pod, hash));
  const old = staying.filter((pod) => !isUpdated(set, pod, hash));
  return old.length > 1 || updated.length > 1 ? undefined : { old: old[0], updated: updated[0] };
}

function onlyOneOf({ old, updated }: Pair): Pod | undefined {
  return old === undefined || updated === undefined ? (old ?? updated) : undefined;
}

function isAvailable({ set, now }: RolloutState, pod: Pod): boolean {
  return availableInMs(pod, set.spec?.minReadySeconds ?? 0, now) === 0;
}
