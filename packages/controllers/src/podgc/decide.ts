/** Pods that nobody else cleans up: on nodes that are gone, deleted before they had a node, and finished ones in excess. Pure. */
import type { Pod } from '@timonier/api';
import { isPodFinished } from '../pods.ts';

export interface PodGcState {
  readonly pods: readonly Pod[];
  readonly nodes: ReadonlySet<string>;
  /** How long this process has seen each missing node missing, in milliseconds. */
  readonly missingForMs: (node: string) => number;
  readonly quarantineMs: number;
  /** Finished pods that may stay; 0 for no limit. */
  readonly terminatedPodThreshold: number;
}

export interface PodGcDecision {
  readonly remove: readonly {
    readonly pod: Pod;
    readonly reason: 'orphaned' | 'unscheduled' | 'terminated';
  }[];
}

export function decide(state: PodGcState): PodGcDecision {
  const remove: { pod: Pod; reason: 'orphaned' | 'unscheduled' | 'terminated' }[] = [];
  const finished: Pod[] = [];
  for (const pod of state.pods) {
    const node = pod.spec?.nodeName ?? '';
    if (node === '') {
      if (pod.metadata?.deletionTimestamp !== undefined) remove.push({ pod, reason: 'unscheduled' });
    } else if (!state.nodes.has(node) && state.missingForMs(node) >= state.quarantineMs) {
      remove.push({ pod, reason: 'orphaned' });
      continue;
    }
    if (isPodFinished(pod) && pod.metadata?.deletionTimestamp === undefined) finished.push(pod);
  }
  const excess = state.terminatedPodThreshold > 0 ? finished.length - state.terminatedPodThreshold : 0;
  const created = (pod: Pod): string => pod.metadata?.creationTimestamp ?? '';
  for (const pod of finished
    .toSorted((a, b) => (created(a) < created(b) ? -1 : 1))
    .slice(0, Math.max(0, excess))) {
    remove.push({ pod, reason: 'terminated' });
  }
  return { remove };
}
