/**
 * Which nodes a DaemonSet wants a pod on, and how such a pod is bound to its node: by an affinity to the node's name,
 * so that the scheduler places it, and with tolerations for what may be wrong with a node that still needs its agents.
 * Pure.
 */
import {
  type DaemonSet,
  matchesRequiredNode,
  type Node,
  type Pod,
  type PodSpec,
  type Toleration,
  toleratesTaint,
} from '@timonier/api';
import { sameValue } from '../equality.ts';
import { podFromTemplate, type PodOwner } from '../pod-control.ts';

export const hashLabel = 'controller-revision-hash';
const generationLabel = 'pod-template-generation';
const generationAnnotation = 'deprecated.daemonset.template.generation';

const ownTolerations: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const hostNetworkToleration: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

export interface Placement {
  /** A pod that is missing is created. */
  readonly run: boolean;
  /** A pod that is there stays: a taint that only keeps new pods away does not end it. */
  readonly stay: boolean;
}

export function placementOn(set: DaemonSet, node: Node): Placement {
  const spec = set.spec?.template.spec;
  const ofAnother = spec?.nodeName !== undefined && spec.nodeName !== node.metadata?.name;
  if (ofAnother || !matchesRequiredNode(spec, node)) return { run: false, stay: false };
  const tolerations = tolerationsOf(spec);
  const untolerated = (node.spec?.taints ?? []).filter(
    (taint) => !tolerations.some((toleration) => toleratesTaint(toleration, taint)),
  );
  return {
    run: untolerated.every(({ effect }) => effect === 'PreferNoSchedule'),
    stay: untolerated.every(({ effect }) => effect !== 'NoExecute'),
  };
}

/** The node that a pod is on or, while it is not placed, is meant for. */
export function nodeOf(pod: Pod): string | undefined {
  if (pod.spec?.nodeName !== undefined && pod.spec.nodeName !== '') return pod.spec.nodeName;
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const { matchFields = [] } of required?.nodeSelectorTerms ?? []) {
    const named = matchFields.find(({ key, operator }) => key === 'metadata.name' && operator === 'In');
    if (named?.values?.length === 1) return named.values[0];
  }
  return undefined;
}

export function podFor(set: DaemonSet, node: string, hash: string): Pod {
  const { template } = set.spec ?? {};
  const generation = set.metadata?.annotations?.[generationAnnotation];
  const spec = template?.spec;
  return podFromTemplate(
    ownerOf(set),
    {
      metadata: {
        ...template?.metadata,
        labels: {
          ...template?.metadata?.labels,
          ...(generation === undefined ? {} : { [generationLabel]: generation }),
          [hashLabel]: hash,
        },
      },
      ...(spec === undefined ? {} : { spec: boundTo(node, spec) }),
    },
    { generateName: `${set.metadata?.name ?? ''}-` },
  );
}

export function ownerOf(set: DaemonSet): PodOwner {
  return { object: set, apiVersion: 'apps/v1', kind: 'DaemonSet' };
}

/** Made from the template that the set has now. */
export function isUpdated(set: DaemonSet, pod: Pod, hash: string): boolean {
  const labels = pod.metadata?.labels ?? {};
  const generation = set.metadata?.annotations?.[generationAnnotation];
  return labels[hashLabel] === hash || (generation !== undefined && labels[generationLabel] === generation);
}

/** The node's name takes the place of the required terms: that they hold of this node is known already. */
function boundTo(node: string, spec: PodSpec): PodSpec {
  const matchFields = [{ key: 'metadata.name', operator: 'In' as const, values: [node] }];
  return {
    ...spec,
    affinity: {
      ...spec.affinity,
      nodeAffinity: {
        ...spec.affinity?.nodeAffinity,
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
      },
    },
    tolerations: tolerationsOf(spec),
  };
}

function tolerationsOf(spec: PodSpec | undefined): Toleration[] {
  const own = spec?.hostNetwork === true ? [...ownTolerations, hostNetworkToleration] : ownTolerations;
  // One of the template's that differs only in how long it tolerates gives way: agents stay for ever.
  const given = (spec?.tolerations ?? []).filter(
    ({ tolerationSeconds: _, ...one }) => !own.some((other) => sameValue(one, other)),
  );
  return [...given, ...own];
}
