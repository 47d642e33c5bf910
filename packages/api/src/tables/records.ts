/** Rows of kinds that hold data: config maps, secrets, leases, events. */
import type { ConfigMap, Event, EventsV1Event, Lease, Secret } from '../generated/types.ts';
import { since, type Cell } from './cell.ts';

type Row = Readonly<Record<string, Cell>>;

function size(map: Readonly<Record<string, unknown>> | undefined): number {
  return Object.keys(map ?? {}).length;
}

export function configMapRow(map: ConfigMap, now: number): Row {
  return {
    Name: map.metadata?.name ?? '',
    Data: size(map.data) + size(map.binaryData),
    Age: since(map.metadata?.creationTimestamp, now),
  };
}

export function secretRow(secret: Secret, now: number): Row {
  return {
    Name: secret.metadata?.name ?? '',
    Type: secret.type ?? '',
    Data: size(secret.data),
    Age: since(secret.metadata?.creationTimestamp, now),
  };
}

export function leaseRow(lease: Lease, now: number): Row {
  return {
    Name: lease.metadata?.name ?? '',
    Holder: lease.spec?.holderIdentity ?? '',
    Age: since(lease.metadata?.creationTimestamp, now),
  };
}

interface EventCells {
  name: string;
  type: string;
  reason: string;
  message: string;
  object: { kind?: string; name?: string; fieldPath?: string };
  source: string;
  host: string;
  first: string | undefined;
  last: string | undefined;
  count: number;
}

function eventCells(event: EventCells, now: number): Row {
  return {
    'Last Seen': since(event.last, now),
    Type: event.type,
    Reason: event.reason,
    Object: `${(event.object.kind ?? '').toLowerCase()}/${event.object.name ?? ''}`,
    Subobject: event.object.fieldPath ?? '',
    Source: event.host === '' ? event.source : `${event.source}, ${event.host}`,
    Message: event.message.trim(),
    'First Seen': since(event.first, now),
    Count: event.count,
    Name: event.name,
  };
}

export function eventRow(event: Event, now: number): Row {
  const first = event.firstTimestamp || event.eventTime;
  const last = event.series?.lastObservedTime || event.lastTimestamp || first;
  return eventCells(
    {
      name: event.metadata.name ?? '',
      type: event.type ?? '',
      reason: event.reason ?? '',
      message: event.message ?? '',
      object: event.involvedObject,
      source: event.source?.component || event.reportingComponent || '',
      host: event.source?.host || event.reportingInstance || '',
      first,
      last,
      count: event.series?.count ?? (event.count || 1),
    },
    now,
  );
}

export function newEventRow(event: EventsV1Event, now: number): Row {
  const first = event.deprecatedFirstTimestamp || event.eventTime;
  return eventCells(
    {
      name: event.metadata?.name ?? '',
      type: event.type ?? '',
      reason: event.reason ?? '',
      message: event.note ?? '',
      object: event.regarding ?? {},
      source: event.deprecatedSource?.component || event.reportingController || '',
      host: event.deprecatedSource?.host || event.reportingInstance || '',
      first,
      last: event.series?.lastObservedTime || event.deprecatedLastTimestamp || first,
      count: event.series?.count ?? (event.deprecatedCount || 1),
    },
    now,
  );
}
