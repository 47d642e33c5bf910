/**
 * Objects as the rows that `kubectl get` prints. In: a resource, objects, the time. Out: a Table.
 */
import { columnText } from './column-texts.ts';
import type { ApiObject } from './object.ts';
import type { ListMeta } from './generated/types.ts';
import { apiVersionOf, type ColumnDefinition, type ResourceInfo } from './registry.ts';
import { autoscalerRow, budgetRow, cronJobRow, jobRow, oldAutoscalerRow } from './tables/batch.ts';
import { since, UNKNOWN, type Cell, type RowPrinter } from './tables/cell.ts';
import { componentRow, deviceClaimRow, quotaRow, resourceSliceRow, revisionRow } from './tables/devices.ts';
import {
  addressRow,
  endpointsRow,
  ingressClassRow,
  ingressRow,
  networkPolicyRow,
  serviceRangeRow,
} from './tables/ingress.ts';
import { endpointSliceRow, serviceRow } from './tables/network.ts';
import { podRow } from './tables/pod.ts';
import {
  apiServiceRow,
  flowSchemaRow,
  mutatingPolicyRow,
  policyBindingRow,
  priorityClassRow,
  priorityLevelRow,
  roleBindingRow,
  runtimeClassRow,
  signingRequestRow,
  validatingPolicyRow,
  webhooksRow,
} from './tables/policies.ts';
import { configMapRow, eventRow, leaseRow, newEventRow, secretRow } from './tables/records.ts';
import {
  attachmentRow,
  attributesClassRow,
  claimRow,
  csiDriverRow,
  csiNodeRow,
  storageClassRow,
  volumeRow,
} from './tables/volumes.ts';
import {
  daemonSetRow,
  deploymentRow,
  namespaceRow,
  nodeRow,
  podTemplateRow,
  replicaSetRow,
  replicationControllerRow,
  scaleRow,
  statefulSetRow,
} from './tables/workloads.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableRow {
  cells: unknown[];
  conditions?: { type: string; status: string; reason: string; message: string }[];
  object?: unknown;
}

export interface Table {
  kind: 'Table';
  apiVersion: string;
  metadata: ListMeta;
  columnDefinitions: (ColumnDefinition & { description: string })[];
  rows: TableRow[];
}

export interface TableOptions {
  readonly includeObject?: IncludeObject;
  /** Milliseconds since 1970; ages are counted up to it. */
  readonly now: number;
  /** Of the list the objects come from, or of the one object. */
  readonly metadata?: ListMeta;
  /** In a watch only the first table names the columns. */
  readonly columns?: boolean;
  /** `meta.k8s.io/v1` or its beta. */
  readonly apiVersion?: string;
}

/** A printer is only ever given objects of its own kind; the table of printers cannot say so in types. */
function printer<T>(print: RowPrinter<T>): RowPrinter<ApiObject> {
  return (object, now) => print(object as unknown as T, now);
}

const PRINTERS: Readonly<Record<string, RowPrinter<ApiObject>>> = {
  'v1/Pod': printer(podRow),
  'v1/Node': printer(nodeRow),
  'v1/Namespace': printer(namespaceRow),
  'v1/Service': printer(serviceRow),
  'v1/ConfigMap': printer(configMapRow),
  'v1/Secret': printer(secretRow),
  'v1/ComponentStatus': printer(componentRow),
  'v1/Endpoints': printer(endpointsRow),
  'v1/PersistentVolume': printer(volumeRow),
  'v1/PersistentVolumeClaim': printer(claimRow),
  'v1/PodTemplate': printer(podTemplateRow),
  'v1/ReplicationController': printer(replicationControllerRow),
  'autoscaling/v1/Scale': printer(scaleRow),
  'v1/ResourceQuota': printer(quotaRow),
  'v1/Event': printer(eventRow),
  'events.k8s.io/v1/Event': printer(newEventRow),
  'apps/v1/Deployment': printer(deploymentRow),
  'apps/v1/ReplicaSet': printer(replicaSetRow),
  'apps/v1/StatefulSet': printer(statefulSetRow),
  'apps/v1/DaemonSet': printer(daemonSetRow),
  'apps/v1/ControllerRevision': printer(revisionRow),
  'batch/v1/CronJob': printer(cronJobRow),
  'batch/v1/Job': printer(jobRow),
  'autoscaling/v1/HorizontalPodAutoscaler': printer(oldAutoscalerRow),
  'autoscaling/v2/HorizontalPodAutoscaler': printer(autoscalerRow),
  'policy/v1/PodDisruptionBudget': printer(budgetRow),
  'networking.k8s.io/v1/Ingress': printer(ingressRow),
  'networking.k8s.io/v1/IngressClass': printer(ingressClassRow),
  'networking.k8s.io/v1/IPAddress': printer(addressRow),
  'networking.k8s.io/v1/NetworkPolicy': printer(networkPolicyRow),
  'networking.k8s.io/v1/ServiceCIDR': printer(serviceRangeRow),
  'storage.k8s.io/v1/CSIDriver': printer(csiDriverRow),
  'storage.k8s.io/v1/CSINode': printer(csiNodeRow),
  'storage.k8s.io/v1/StorageClass': printer(storageClassRow),
  'storage.k8s.io/v1/VolumeAttachment': printer(attachmentRow),
  'storage.k8s.io/v1/VolumeAttributesClass': printer(attributesClassRow),
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': printer(roleBindingRow),
  'rbac.authorization.k8s.io/v1/RoleBinding': printer(roleBindingRow),
  'certificates.k8s.io/v1/CertificateSigningRequest': printer(signingRequestRow),
  'scheduling.k8s.io/v1/PriorityClass': printer(priorityClassRow),
  'node.k8s.io/v1/RuntimeClass': printer(runtimeClassRow),
  'flowcontrol.apiserver.k8s.io/v1/FlowSchema': printer(flowSchemaRow),
  'flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration': printer(priorityLevelRow),
  'apiregistration.k8s.io/v1/APIService': printer(apiServiceRow),
  'admissionregistration.k8s.io/v1/MutatingWebhookConfiguration': printer(webhooksRow),
  'admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration': printer(webhooksRow),
  'admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy': printer(validatingPolicyRow),
  'admissionregistration.k8s.io/v1/MutatingAdmissionPolicy': printer(mutatingPolicyRow),
  'admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding': printer(policyBindingRow),
  'admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding': printer(policyBindingRow),
  'resource.k8s.io/v1/ResourceClaim': printer(deviceClaimRow),
  'resource.k8s.io/v1/ResourceSlice': printer(resourceSliceRow),
  'discovery.k8s.io/v1/EndpointSlice': printer(endpointSliceRow),
  'coordination.k8s.io/v1/Lease': printer(leaseRow),
};

/** Kinds without a printer of their own show their age, or when they were made: their columns say which. */
function plainRow({ metadata }: ApiObject, now: number): Readonly<Record<string, Cell>> {
  const created = metadata?.creationTimestamp;
  return { Name: metadata?.name ?? '', Age: since(created, now), 'Created At': created ?? UNKNOWN };
}

/** The table of some objects of one resource. */
export function toTable(info: ResourceInfo, objects: readonly ApiObject[], options: TableOptions): Table {
  const { includeObject = 'Metadata' } = options;
  return {
    ...tableHead(info, options),
    rows: objects.map((object) => {
      const row: TableRow = tableRow(info, object, options.now);
      if (includeObject === 'Object') row.object = object;
      else row.object = includeObject === 'None' ? null : partialMetadata(object, options.apiVersion);
      return row;
    }),
  };
}

/** A table without its rows, which come last. */
export function tableHead(info: ResourceInfo, options: TableOptions): Omit<Table, 'rows'> {
  return {
    kind: 'Table',
    apiVersion: options.apiVersion ?? 'meta.k8s.io/v1',
    metadata: options.metadata ?? {},
    columnDefinitions:
      options.columns === false
        ? []
        : info.columns.map((c) => ({ description: columnText(info, c.name), ...c })),
  };
}

/** What a row says of an object; the object itself is not in it yet. */
export function tableRow(info: ResourceInfo, object: ApiObject, now: number): TableRow {
  const print = PRINTERS[`${apiVersionOf(info)}/${info.kind}`] ?? plainRow;
  const cells = cellsOf(info, print, object, info.columns, now);
  const conditions = rowConditions(info, object);
  return conditions === undefined ? { cells } : { cells, conditions };
}

function cellsOf(
  info: ResourceInfo,
  print: RowPrinter<ApiObject>,
  object: ApiObject,
  columns: readonly ColumnDefinition[],
  now: number,
): unknown[] {
  if (info.custom !== undefined) return [...info.custom.cells(object, now)];
  const cells: Readonly<Record<string, Cell>> = print(object, now);
  return columns.map((column) => cells[column.name] ?? '');
}

/** Marks finished pods, which some clients hide. */
function rowConditions(info: ResourceInfo, object: ApiObject): TableRow['conditions'] {
  if (info.group !== '' || info.kind !== 'Pod') return undefined;
  const { phase, reason } = (object['status'] ?? {}) as { phase?: string; reason?: string };
  if (phase === 'Succeeded') {
    const message = 'The pod has completed successfully.';
    return [{ type: 'Completed', status: 'True', reason: 'Succeeded', message }];
  }
  if (phase === 'Failed') {
    const message = 'The pod failed.';
    return [{ type: 'Completed', status: 'True', reason: reason || 'Failed', message }];
  }
  return undefined;
}

/** An object reduced to its metadata. */
function partialMetadata(object: ApiObject, apiVersion = 'meta.k8s.io/v1'): ApiObject {
  return { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata ?? {} };
}
