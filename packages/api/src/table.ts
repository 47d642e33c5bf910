/**
 * Objects as the rows that `kubectl get` prints. In: a resource, objects, the time. Out: a Table. Kinds without a
 * printer of their own show name and age.
 */
import type { ApiObject } from './decode.ts';
import type { ListMeta } from './generated/types.ts';
import { apiVersionOf, type ColumnDefinition, type ResourceInfo } from './registry.ts';
import { since, type Cell, type RowPrinter } from './tables/cell.ts';
import { endpointSliceRow, serviceRow } from './tables/network.ts';
import { podRow } from './tables/pod.ts';
import { configMapRow, eventRow, leaseRow, newEventRow, secretRow } from './tables/records.ts';
import {
  daemonSetRow,
  deploymentRow,
  namespaceRow,
  nodeRow,
  replicaSetRow,
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
  'v1/ServiceAccount': plainRow,
  'v1/Event': printer(eventRow),
  'events.k8s.io/v1/Event': printer(newEventRow),
  'apps/v1/Deployment': printer(deploymentRow),
  'apps/v1/ReplicaSet': printer(replicaSetRow),
  'apps/v1/StatefulSet': printer(statefulSetRow),
  'apps/v1/DaemonSet': printer(daemonSetRow),
  'discovery.k8s.io/v1/EndpointSlice': printer(endpointSliceRow),
  'coordination.k8s.io/v1/Lease': printer(leaseRow),
};

const PLAIN: readonly ColumnDefinition[] = [
  { name: 'Name', type: 'string', format: 'name', priority: 0 },
  { name: 'Age', type: 'string', format: '', priority: 0 },
];

function plainRow(object: ApiObject, now: number): Readonly<Record<string, Cell>> {
  return { Name: object.metadata?.name ?? '', Age: since(object.metadata?.creationTimestamp, now) };
}

/** The table of some objects of one resource. */
export function toTable(info: ResourceInfo, objects: readonly ApiObject[], options: TableOptions): Table {
  const print = PRINTERS[`${apiVersionOf(info)}/${info.kind}`];
  const columns = print === undefined && info.custom === undefined ? PLAIN : info.columns;
  const { includeObject = 'Metadata', now } = options;
  return {
    kind: 'Table',
    apiVersion: options.apiVersion ?? 'meta.k8s.io/v1',
    metadata: options.metadata ?? {},
    columnDefinitions: options.columns === false ? [] : columns.map((c) => ({ description: '', ...c })),
    rows: objects.map((object) => {
      const row: TableRow = { cells: cellsOf(info, print ?? plainRow, object, columns, now) };
      const conditions = rowConditions(info, object);
      if (conditions !== undefined) row.conditions = conditions;
      if (includeObject === 'Object') row.object = object;
      else if (includeObject === 'Metadata') row.object = partialMetadata(object);
      return row;
    }),
  };
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
export function partialMetadata(object: ApiObject, apiVersion = 'meta.k8s.io/v1'): ApiObject {
  return { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata ?? {} };
}
