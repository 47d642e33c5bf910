/** Where a pod itself asks to be or not to be: node name, ports, cordons, taints, selectors and affinity. */
import { matchesNodeTerm, matchesRequiredNode, type Pod, type Taint, toleratesTaint } from '@timonier/api';
import { hostPortsOf } from '../node-info.ts';
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
    if (matchesRequiredNode(pod.spec, node.node)) return undefined;
    return { reasons: ["node(s) didn't match Pod's node affinity/selector"], final: true };
  },
  score: ({ pod }, node) => {
    const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    return preferred.reduce(
      (sum, { weight, preference }) => sum + (matchesNodeTerm(preference, node.node) ? weight : 0),
      0,
    );
  },
  normalize: (scores) => normalizeByMax(scores, false),
};

/** One toleration is enough. */
export function tolerates(pod: Pod, taint: Taint): boolean {
  return (pod.spec?.tolerations ?? []).some((toleration) => toleratesTaint(toleration, taint));
}
