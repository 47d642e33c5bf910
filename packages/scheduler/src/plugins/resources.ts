/** NodeResourcesFit, LeastAllocated and BalancedAllocation: room on the node, and how evenly it is used. */
import { type NodeInfo, requestsOf } from '../node-info.ts';
import { type Cycle, maxScore, type Plugin, type Rejection } from './plugin.ts';

/** The requests must fit what the node's pods leave; scores nodes higher the emptier they stay. */
export const nodeResourcesFit: Plugin = {
  name: 'NodeResourcesFit',
  filter: fits,
  score: leastAllocated,
};

function fits({ pod }: Cycle, node: NodeInfo): Rejection | undefined {
  const reasons: string[] = [];
  const { allocatable, requested } = node;
  const requests = requestsOf(pod);
  if (node.pods.size + 1 > allocatable.pods) reasons.push('Too many pods');
  if (requests.cpu > 0 && requested.cpu + requests.cpu > allocatable.cpu) reasons.push('Insufficient cpu');
  if (requests.memory > 0 && requested.memory + requests.memory > allocatable.memory) {
    reasons.push('Insufficient memory');
  }
  for (const [name, amount] of requests.others) {
    if (amount > 0 && (requested.others.get(name) ?? 0) + amount > (allocatable.others.get(name) ?? 0)) {
      reasons.push(`Insufficient ${name}`);
    }
  }
  return reasons.length === 0 ? undefined : { reasons };
}

function usedFractions({ pod }: Cycle, node: NodeInfo): { cpu: number; memory: number } {
  const requests = requestsOf(pod);
  const { allocatable } = node;
  const fraction = (used: number, capacity: number): number =>
    capacity <= 0 ? 1 : Math.min(1, used / capacity);
  return {
    cpu: fraction(node.scoredCpu + requests.scoredCpu, allocatable.cpu),
    memory: fraction(node.scoredMemory + requests.scoredMemory, allocatable.memory),
  };
}

function leastAllocated(cycle: Cycle, node: NodeInfo): number {
  const { cpu, memory } = usedFractions(cycle, node);
  return Math.floor(((1 - cpu + (1 - memory)) / 2) * maxScore);
}

/** Prefers nodes whose processor and memory would be used to the same degree. */
export const nodeResourcesBalancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  score: (cycle, node) => {
    const { cpu, memory } = usedFractions(cycle, node);
    return Math.floor((1 - Math.abs(cpu - memory) / 2) * maxScore);
  },
};
