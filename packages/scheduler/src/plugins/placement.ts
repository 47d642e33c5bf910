/** Where a pod itself asks to be or not to be: node name, ports, cordons, taints, selectors and affinity. */
import type { NodeSelectorRequirement, NodeSelectorTerm, Pod, Taint, Toleration } from '@timonier/api';
import { hostPortsOf, type NodeInfo } from '../node-info.ts';
import { normalizeByMax, type Plugin } from './plugin.ts';

const unschedulableTaint: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeName: Plugin = {
  name: 'NodeName',
  filter: ({ pod }, node) => {
    const wanted = pod.spec?.nodeName ?? '';
    if (wanted === '' || wanted === node.name) return undefined;
    return { reasons: ["node(s) didn't match the requested node name"], final: true };
  },
};

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  filter: ({ pod }, { node }) => {
    if (node.spec?.unschedulable !== true || tolerates(pod, unschedulableTaint)) return undefined;
    return { reasons: ['node(s) were unschedulable'], final: true };
  },
};

export const nodePorts: Plugin = {
  name: 'NodePorts',
  filter: ({ pod }, node) => {
    if (hostPortsOf(pod).length === 0 || !node.portsConflict(pod)) return undefined;
    return { reasons: ["node(s) didn't have free ports for the requested pod ports"] };
  },
};

/** Taints that forbid are obeyed, taints that only discourage count against a node. */
export const taintToleration: Plugin = {
  name: 'TaintToleration',
  filter: ({ pod }, { node }) => {
    const taint = node.spec?.taints?.find(
      (taint) => taint.effect !== 'PreferNoSchedule' && !tolerates(pod, taint),
    );
    if (taint === undefined) return undefined;
    return { reasons: [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`], final: true };
  },
  score: ({ pod }, { node }) =>
    (node.spec?.taints ?? []).filter((taint) => taint.effect === 'PreferNoSchedule' && !tolerates(pod, taint))
      .length,
  normalize: (scores) => normalizeByMax(scores, true),
};

export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  filter: ({ pod }, node) => {
    const labels = node.node.metadata?.labels ?? {};
    const selector = Object.entries(pod.spec?.nodeSelector ?? {});
    const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    const matches =
      selector.every(([key, value]) => labels[key] === value) &&
      (required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node)));
    if (matches) return undefined;
    return { reasons: ["node(s) didn't match Pod's node affinity/selector"], final: true };
  },
  score: ({ pod }, node) => {
    const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    return preferred.reduce(
      (sum, { weight, preference }) => sum + (matchesTerm(preference, node) ? weight : 0),
      0,
    );
  },
  normalize: (scores) => normalizeByMax(scores, false),
};

/** One toleration is enough, by upstream's rules for empty keys, operators and effects. */
export function tolerates(pod: Pod, taint: Taint): boolean {
  return (pod.spec?.tolerations ?? []).some((toleration) => toleratesTaint(toleration, taint));
}

function toleratesTaint(toleration: Toleration, taint: Taint): boolean {
  const { effect, key = '', operator = 'Equal', value = '' } = toleration;
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key === '') return operator === 'Exists';
  if (key !== taint.key) return false;
  return operator === 'Exists' || (operator === 'Equal' && value === (taint.value ?? ''));
}

/** All requirements of a term must hold; an empty term matches nothing. */
function matchesTerm(term: NodeSelectorTerm, node: NodeInfo): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  const labels = node.node.metadata?.labels ?? {};
  return (
    matchExpressions.every((requirement) => holds(requirement, labels[requirement.key])) &&
    matchFields.every((requirement) =>
      holds(requirement, requirement.key === 'metadata.name' ? node.name : undefined),
    )
  );
}

function holds({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}
