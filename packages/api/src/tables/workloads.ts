/** Rows of nodes, namespaces and the kinds that run pods. */
import type {
  Container,
  DaemonSet,
  Deployment,
  LabelSelector,
  Namespace,
  Node,
  PodTemplate,
  ReplicaSet,
  ReplicationController,
  Scale,
  StatefulSet,
} from '../generated/types.ts';
import { formatLabelSelector, requirementsOf } from '../label-selector.ts';
import type { ColumnDefinition } from '../registry.ts';
import { formatLabels, NONE, orNone, since, UNKNOWN, type Cell } from './cell.ts';

type Row = Readonly<Record<string, Cell>>;

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function roles(labels: Readonly<Record<string, string>>): string {
  const found = new Set<string>();
  for (const [key, value] of Object.entries(labels)) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length)
      found.add(key.slice(ROLE_PREFIX.length));
    else if (key === 'kubernetes.io/role' && value !== '') found.add(value);
  }
  return orNone([...found].sort().join(','));
}

function kernel(info: NonNullable<Node['status']>['nodeInfo']): string {
  const { kernelVersion = '', architecture = '' } = info ?? {};
  if (kernelVersion === '') return UNKNOWN;
  return architecture === '' ? kernelVersion : `${kernelVersion} (${architecture})`;
}

export function nodeRow(node: Node, now: number): Row {
  const ready = node.status?.conditions?.find((c) => c.type === 'Ready');
  const status = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  const address = (type: string): string =>
    orNone(node.status?.addresses?.find((a) => a.type === type)?.address);
  const info = node.status?.nodeInfo;
  return {
    Name: node.metadata?.name ?? '',
    Status: node.spec?.unschedulable ? `${status},SchedulingDisabled` : status,
    Roles: roles(node.metadata?.labels ?? {}),
    Age: since(node.metadata?.creationTimestamp, now),
    Version: info?.kubeletVersion ?? '',
    'Internal-IP': address('InternalIP'),
    'External-IP': address('ExternalIP'),
    'OS-Image': info?.osImage || UNKNOWN,
    'Kernel-Version': kernel(info),
    'Container-Runtime': info?.containerRuntimeVersion || UNKNOWN,
  };
}

export const scaleColumns: readonly ColumnDefinition[] = [
  { name: 'Name', type: 'string', format: '', priority: 0 },
  { name: 'Desired', type: 'integer', format: '', priority: 0 },
  { name: 'Available', type: 'integer', format: '', priority: 0 },
  { name: 'Age', type: 'string', format: '', priority: 0 },
];

export function scaleRow({ metadata, spec, status }: Scale, now: number): Row {
  return {
    Name: metadata?.name ?? '',
    Desired: spec?.replicas ?? 0,
    Available: status?.replicas ?? 0,
    Age: since(metadata?.creationTimestamp, now),
  };
}

export function namespaceRow(namespace: Namespace, now: number): Row {
  return {
    Name: namespace.metadata?.name ?? '',
    Status: namespace.status?.phase ?? '',
    Age: since(namespace.metadata?.creationTimestamp, now),
  };
}

interface Workload {
  metadata?: { name?: string; creationTimestamp?: string };
  spec?: { selector?: LabelSelector; template?: { spec?: { containers?: Container[] } } };
}

/** What every kind with a pod template shows. */
function workloadCells(object: Workload, now: number): Record<string, Cell> {
  const containers = object.spec?.template?.spec?.containers ?? [];
  return {
    Name: object.metadata?.name ?? '',
    Age: since(object.metadata?.creationTimestamp, now),
    Containers: containers.map((c) => c.name).join(','),
    Images: containers.map((c) => c.image ?? '').join(','),
    Selector: selectorText(object.spec?.selector),
  };
}

/** A selector in the short form of the command line. */
export function selectorText(selector: LabelSelector | undefined): string {
  try {
    return orNone(formatLabelSelector(requirementsOf(selector) ?? []));
  } catch {
    return NONE;
  }
}

export function deploymentRow(deployment: Deployment, now: number): Row {
  const status = deployment.status ?? {};
  return {
    ...workloadCells(deployment, now),
    Ready: `${status.readyReplicas ?? 0}/${deployment.spec?.replicas ?? 0}`,
    'Up-to-date': status.updatedReplicas ?? 0,
    Available: status.availableReplicas ?? 0,
  };
}

export function replicaSetRow(set: ReplicaSet, now: number): Row {
  return {
    ...workloadCells(set, now),
    Desired: set.spec?.replicas ?? 0,
    Current: set.status?.replicas ?? 0,
    Ready: set.status?.readyReplicas ?? 0,
  };
}

export function statefulSetRow(set: StatefulSet, now: number): Row {
  return {
    ...workloadCells(set, now),
    Ready: `${set.status?.readyReplicas ?? 0}/${set.spec?.replicas ?? 0}`,
  };
}

export function daemonSetRow(set: DaemonSet, now: number): Row {
  const status = set.status;
  return {
    ...workloadCells(set, now),
    Desired: status?.desiredNumberScheduled ?? 0,
    Current: status?.currentNumberScheduled ?? 0,
    Ready: status?.numberReady ?? 0,
    'Up-to-date': status?.updatedNumberScheduled ?? 0,
    Available: status?.numberAvailable ?? 0,
    'Node Selector': orNone(
      Object.entries(set.spec?.template.spec?.nodeSelector ?? {})
        .map(([key, value]) => `${key}=${value}`)
        .sort()
        .join(','),
    ),
  };
}

export function podTemplateRow({ metadata, template }: PodTemplate): Row {
  const containers = template?.spec?.containers ?? [];
  return {
    Name: metadata?.name ?? '',
    Containers: containers.map(({ name }) => name).join(','),
    Images: containers.map(({ image }) => image ?? '').join(','),
    'Pod Labels': formatLabels(template?.metadata?.labels),
  };
}

export function replicationControllerRow(controller: ReplicationController, now: number): Row {
  const { metadata, spec, status } = controller;
  const template = spec?.template === undefined ? {} : { template: spec.template };
  return {
    ...workloadCells({ ...(metadata === undefined ? {} : { metadata }), spec: template }, now),
    Desired: spec?.replicas ?? 0,
    Current: status?.replicas ?? 0,
    Ready: status?.readyReplicas ?? 0,
    Selector: formatLabels(spec?.selector),
  };
}
