/**
 * What a scheduling plugin is: any of the extension points below, called in this order for one pod. Plugins are pure
 * but for `reserve`/`unreserve`/`permit`, which bracket the binding. State between points lives in the cycle, not in
 * the plugin.
 */
import type { Pod } from '@timonier/api';
import type { ClusterState } from '../cluster-state.ts';
import type { NodeInfo } from '../node-info.ts';

/** One pod's way through the pipeline. */
export interface Cycle {
  readonly pod: Pod;
  readonly cluster: ClusterState;
  /** What a plugin's earlier point leaves for its later ones, by plugin name. */
  readonly notes: Map<string, unknown>;
}

export interface Rejection {
  /** As `kubectl describe` shows it after the number of nodes, such as `Insufficient cpu`. */
  readonly reasons: readonly string[];
  /** True when nothing that happens on the node can help, so that preemption need not look at it. */
  readonly final?: boolean;
}

export interface Plugin {
  readonly name: string;
  /** Rejects the pod for all nodes, or prepares the cycle. */
  readonly preFilter?: (cycle: Cycle) => Rejection | undefined;
  /** Undefined when the node fits. */
  readonly filter?: (cycle: Cycle, node: NodeInfo) => Rejection | undefined;
  /** Called when no node fits; may name a node that will fit soon (preemption). */
  readonly postFilter?: (cycle: Cycle, rejected: ReadonlyMap<string, Rejection>) => string | undefined;
  readonly preScore?: (cycle: Cycle, nodes: readonly NodeInfo[]) => void;
  /** Larger is better; brought to 0..100 by `normalize`, or is in it already. */
  readonly score?: (cycle: Cycle, node: NodeInfo) => number;
  readonly normalize?: (scores: number[]) => void;
  readonly reserve?: (cycle: Cycle, node: string) => void;
  readonly unreserve?: (cycle: Cycle, node: string) => void;
  /** Resolves when the pod may be bound; rejects to send it back. */
  readonly permit?: (cycle: Cycle, node: string, signal: AbortSignal) => Promise<void>;
}

export const maxScore = 100;

/** Scales to 0..100 by the largest; `reverse` makes small raw scores good ones. */
export function normalizeByMax(scores: number[], reverse: boolean): void {
  const max = Math.max(0, ...scores);
  for (const [i, score] of scores.entries()) {
    const scaled = max === 0 ? 0 : Math.floor((score * maxScore) / max);
    scores[i] = reverse ? maxScore - scaled : scaled;
  }
}
