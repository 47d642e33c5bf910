/**
 * Finds the node for one pod: pre-filter, filter, score, in one synchronous pass over the cluster's picture. Pure but
 * for the random choice among equals and the place where the next search starts, both given by the caller.
 */
import type { Pod } from '@timonier/api';
import type { ClusterState } from './cluster-state.ts';
import type { NodeInfo } from './node-info.ts';
import type { ExtensionPoint, PointStatus } from './metrics.ts';
import type { Cycle, Rejection } from './plugins/plugin.ts';
import type { Profile } from './profile.ts';

export type Placement =
  | { readonly node: string; readonly cycle: Cycle; readonly feasible: number; readonly evaluated: number }
  | { readonly message: string; readonly nominated: string | undefined };

/** Told how long the plugins of each extension point took for a pod. */
export type PointObserver = (point: ExtensionPoint, status: PointStatus, seconds: number) => void;

export interface SearchState {
  /** Where the next search starts, so that large clusters are filled evenly. */
  offset: number;
  readonly random: () => number;
}

/** Enough feasible nodes to choose from: all of a small cluster, a twentieth of a large one. */
function feasibleEnough(nodes: number): number {
  return Math.min(nodes, Math.max(100, Math.floor(nodes / 20)));
}

export function place(
  pod: Pod,
  cluster: ClusterState,
  profile: Profile,
  search: SearchState,
  observe: PointObserver = () => undefined,
): Placement {
  let since = performance.now();
  const passed = (point: ExtensionPoint, status: PointStatus): void => {
    const now = performance.now();
    observe(point, status, (now - since) / 1_000);
    since = now;
  };
  const cycle: Cycle = { pod, cluster, notes: new Map() };
  const nodes = cluster.nodes;
  if (nodes.length === 0) return { message: 'no nodes available to schedule pods', nominated: undefined };
  for (const { plugin } of profile.plugins) {
    const rejection = plugin.preFilter?.(cycle);
    if (rejection === undefined) continue;
    passed('PreFilter', 'Unschedulable');
    const message = `0/${nodes.length} nodes are available: ${rejection.reasons.join(', ')}.`;
    return { message, nominated: undefined };
  }
  passed('PreFilter', 'Success');
  const { feasible, rejected, evaluated } = filter(cycle, nodes, profile, search);
  const only = feasible[0];
  passed('Filter', only === undefined ? 'Unschedulable' : 'Success');
  if (only === undefined) {
    let nominated: string | undefined;
    for (const { plugin } of profile.plugins) nominated ??= plugin.postFilter?.(cycle, rejected);
    passed('PostFilter', nominated === undefined ? 'Unschedulable' : 'Success');
    return { message: unschedulableMessage(nodes.length, rejected), nominated };
  }
  const best = feasible.length === 1 ? only : highest(cycle, feasible, profile, search.random);
  if (feasible.length > 1) passed('Score', 'Success');
  return { node: best.name, cycle, feasible: feasible.length, evaluated };
}

function filter(
  cycle: Cycle,
  nodes: readonly NodeInfo[],
  profile: Profile,
  search: SearchState,
): { feasible: NodeInfo[]; rejected: Map<string, Rejection>; evaluated: number } {
  const enough = feasibleEnough(nodes.length);
  const feasible: NodeInfo[] = [];
  const rejected = new Map<string, Rejection>();
  let evaluated = 0;
  for (; evaluated < nodes.length && feasible.length < enough; evaluated++) {
    const node = nodes[(search.offset + evaluated) % nodes.length];
    if (node === undefined) continue;
    const rejection = rejectionOf(cycle, node, profile);
    if (rejection === undefined) feasible.push(node);
    else rejected.set(node.name, rejection);
  }
  search.offset = (search.offset + evaluated) % nodes.length;
  return { feasible, rejected, evaluated };
}

function rejectionOf(cycle: Cycle, node: NodeInfo, profile: Profile): Rejection | undefined {
  for (const { plugin } of profile.plugins) {
    const rejection = plugin.filter?.(cycle, node);
    if (rejection !== undefined) return rejection;
  }
  return undefined;
}

function highest(cycle: Cycle, nodes: readonly NodeInfo[], profile: Profile, random: () => number): NodeInfo {
  const totals = nodes.map(() => 0);
  for (const { plugin, weight } of profile.plugins) {
    const { score } = plugin;
    if (score === undefined || weight === 0) continue;
    plugin.preScore?.(cycle, nodes);
    const scores = nodes.map((node) => score(cycle, node));
    plugin.normalize?.(scores);
    for (const [i, value] of scores.entries()) totals[i] = (totals[i] ?? 0) + value * weight;
  }
  const top = totals.reduce((a, b) => Math.max(a, b), -Infinity);
  const winners = nodes.filter((_, i) => totals[i] === top);
  const winner = winners[Math.floor(random() * winners.length)] ?? nodes[0];
  if (winner === undefined) throw new Error('scoring needs at least one node');
  return winner;
}

/** Upstream's sentence: how many nodes are out for which reason. */
function unschedulableMessage(total: number, rejected: ReadonlyMap<string, Rejection>): string {
  const counts = new Map<string, number>();
  for (const { reasons } of rejected.values()) {
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${total} nodes are available: ${parts.join(', ')}.`;
}
