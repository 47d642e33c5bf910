/**
 * PodTopologySpread: pods of one owner go apart. Constraints that forbid are counted per topology value over all
 * nodes; without constraints of its own a pod is spread over hosts and zones as a preference, as upstream does by
 * default.
 */
import { type LabelSelector, type Pod, selectorMatches, type TopologySpreadConstraint } from '@timonier/api';
import { type NodeInfo, ownerUid } from '../node-info.ts';
import { type Cycle, maxScore, type Plugin } from './plugin.ts';

const hostnameLabel = 'kubernetes.io/hostname';
const zoneLabel = 'topology.kubernetes.io/zone';
const name = 'PodTopologySpread';

interface Notes {
  /** For each hard constraint, matching pods by topology value. */
  readonly hard: { readonly constraint: TopologySpreadConstraint; readonly counts: Map<string, number> }[];
  soft: { readonly key: string; readonly counts: Map<string, number> }[];
}

export const podTopologySpread: Plugin = {
  name,
  preFilter: (cycle) => {
    const constraints = cycle.pod.spec?.topologySpreadConstraints ?? [];
    const hard = constraints
      .filter((constraint) => constraint.whenUnsatisfiable === 'DoNotSchedule')
      .map((constraint) => ({
        constraint,
        counts: countBy(
          cycle,
          cycle.cluster.nodes,
          constraint.topologyKey,
          selects(constraint.labelSelector),
        ),
      }));
    cycle.notes.set(name, { hard, soft: [] } satisfies Notes);
    return undefined;
  },
  filter: (cycle, { node }) => {
    const { hard } = cycle.notes.get(name) as Notes;
    for (const { constraint, counts } of hard) {
      const value = node.metadata?.labels?.[constraint.topologyKey];
      if (value === undefined) {
        return {
          reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
          final: true,
        };
      }
      const self = selectorMatches(constraint.labelSelector, cycle.pod.metadata?.labels) ? 1 : 0;
      const least = Math.min(...counts.values());
      if ((counts.get(value) ?? 0) + self - least > constraint.maxSkew) {
        return { reasons: ["node(s) didn't match pod topology spread constraints"] };
      }
    }
    return undefined;
  },
  preScore: (cycle, nodes) => {
    const notes = cycle.notes.get(name) as Notes;
    const own = (cycle.pod.spec?.topologySpreadConstraints ?? []).filter(
      (constraint) => constraint.whenUnsatisfiable === 'ScheduleAnyway',
    );
    if (own.length > 0) {
      notes.soft = own.map((constraint) => ({
        key: constraint.topologyKey,
        counts: countBy(cycle, nodes, constraint.topologyKey, selects(constraint.labelSelector)),
      }));
      return;
    }
    const owner = ownerUid(cycle.pod);
    if (owner === undefined || notes.hard.length > 0) return;
    notes.soft = [hostnameLabel, zoneLabel].map((key) => ({ key, counts: countOwned(nodes, key, owner) }));
  },
  score: (cycle, node) => {
    const { soft } = cycle.notes.get(name) as Notes;
    return soft.reduce((sum, { key, counts }) => {
      const value = topologyValue(node, key);
      return sum + (value === undefined ? 0 : (counts.get(value) ?? 0));
    }, 0);
  },
  normalize: (scores) => {
    const max = Math.max(...scores);
    const min = Math.min(...scores);
    // Few pods already there is good; equal counts say nothing.
    for (const [i, score] of scores.entries()) {
      scores[i] = max === min ? maxScore : Math.floor((maxScore * (max - score)) / (max - min));
    }
  },
};

function countBy(
  { pod: incoming }: Cycle,
  nodes: readonly NodeInfo[],
  key: string,
  counted: (pod: Pod) => boolean,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const value = topologyValue(node, key);
    if (value === undefined) continue;
    let count = counts.get(value) ?? 0;
    for (const pod of node.pods.values()) {
      const sameNamespace = pod.metadata?.namespace === incoming.metadata?.namespace;
      if (sameNamespace && pod.metadata?.deletionTimestamp === undefined && counted(pod)) count += 1;
    }
    counts.set(value, count);
  }
  return counts;
}

/** Like `countBy` for pods of one owner, from the numbers that nodes keep anyway. */
function countOwned(nodes: readonly NodeInfo[], key: string, owner: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const value = topologyValue(node, key);
    if (value === undefined) continue;
    counts.set(value, (counts.get(value) ?? 0) + (node.ownerCounts.get(owner) ?? 0));
  }
  return counts;
}

function topologyValue({ node, name }: NodeInfo, key: string): string | undefined {
  return node.metadata?.labels?.[key] ?? (key === hostnameLabel ? name : undefined);
}

function selects(selector: LabelSelector | undefined): (pod: Pod) => boolean {
  return (pod) => selectorMatches(selector, pod.metadata?.labels);
}
