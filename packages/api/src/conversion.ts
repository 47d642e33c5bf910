/**
 * Kinds that are served in two shapes but stored in one: events (core and events.k8s.io) and horizontal pod
 * autoscalers (v2 and v1). In: an object in the shape of one resource. Out: the same in the stored shape, or back.
 * Pure; everything the shapes share is kept, and what only one can say travels in its own fields or annotations.
 */
import { METRICS_WANTED, PACE_WANTED, wantedFrom, wantedInOld } from './autoscaler-spec.ts';
import {
  CONDITIONS_SEEN,
  METRICS_SEEN,
  seenAnnotations,
  type SeenStatus,
  seenUtilization,
  statusFrom,
} from './autoscaler-status.ts';
import type { ApiObject } from './object.ts';
import { apiVersionOf, type ResourceInfo } from './registry.ts';

/** Core name of a field, and its name in events.k8s.io. */
const EVENT_FIELDS: readonly (readonly [string, string])[] = [
  ['metadata', 'metadata'],
  ['involvedObject', 'regarding'],
  ['related', 'related'],
  ['action', 'action'],
  ['reason', 'reason'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['type', 'type'],
  ['eventTime', 'eventTime'],
  ['series', 'series'],
  ['reportingComponent', 'reportingController'],
  ['reportingInstance', 'reportingInstance'],
];

function renamed(
  object: ApiObject,
  type: { readonly apiVersion: string; readonly kind: string },
  pairs: readonly (readonly [from: string, to: string])[],
): ApiObject {
  const out: ApiObject = { kind: type.kind, apiVersion: type.apiVersion };
  for (const [from, to] of pairs) if (object[from] !== undefined) out[to] = object[from];
  return out;
}

/** Events of the core always say who reports them, though it be nobody; the others leave that out. */
const reporters = ['reportingController', 'reportingInstance'];

function withoutEmpty(event: ApiObject): ApiObject {
  for (const field of reporters) if (event[field] === '') delete event[field];
  return event;
}

/** Annotations that carry what v1 has no fields for: they say nothing of their own in any version. */
const CARRIERS: ReadonlySet<string> = new Set([METRICS_SEEN, CONDITIONS_SEEN, METRICS_WANTED, PACE_WANTED]);

function withoutCarriers(object: ApiObject): Record<string, string> {
  const { annotations = {} } = object.metadata ?? {};
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => !CARRIERS.has(name)));
}

/** An autoscaler of v1 in the shape of v2. Its input stays as it is. */
export function autoscalerToV2(object: ApiObject): ApiObject {
  const { targetCPUUtilizationPercentage: percentage, ...spec } = (object['spec'] ?? {}) as Record<
    string,
    unknown
  >;
  const {
    currentCPUUtilizationPercentage: current,
    currentReplicas,
    ...status
  } = (object['status'] ?? {}) as Record<string, unknown>;
  const { annotations = {} } = object.metadata ?? {};
  return {
    kind: object.kind ?? '',
    apiVersion: 'autoscaling/v2',
    metadata: withAnnotations(object, withoutCarriers(object)),
    spec: { ...spec, ...wantedFrom(annotations, percentage) },
    status: {
      ...status,
      ...(currentReplicas === undefined || currentReplicas === 0 ? {} : { currentReplicas }),
      currentMetrics: [],
      ...statusFrom(annotations, current),
    },
  };
}

function autoscalerToV1(object: ApiObject): ApiObject {
  const { metrics, behavior, ...spec } = (object['spec'] ?? {}) as Record<string, unknown>;
  const seen = (object['status'] ?? {}) as SeenStatus;
  const { conditions: _, currentMetrics: __, ...status } = seen;
  const utilization = seenUtilization(seen);
  const { percentage, annotations } = wantedInOld({ metrics, behavior });
  return {
    kind: object.kind ?? '',
    apiVersion: 'autoscaling/v1',
    // What anybody wrote under the carriers' names says nothing of the autoscaler, and would be its status when it is written back.
    metadata: withAnnotations(object, {
      ...withoutCarriers(object),
      ...seenAnnotations(seen),
      ...annotations,
    }),
    spec: {
      ...spec,
      ...(percentage === undefined ? {} : { targetCPUUtilizationPercentage: percentage }),
    },
    status: {
      currentReplicas: 0,
      ...status,
      ...(utilization === undefined ? {} : { currentCPUUtilizationPercentage: utilization }),
    },
  };
}

function withAnnotations(
  object: ApiObject,
  annotations: Record<string, string>,
): NonNullable<ApiObject['metadata']> {
  const { annotations: _, ...rest } = object.metadata ?? {};
  return Object.keys(annotations).length === 0 ? rest : { ...rest, annotations };
}

/** The object as it is stored. Its input stays as it is. */
export function toStored(info: ResourceInfo, object: ApiObject): ApiObject {
  switch (`${apiVersionOf(info)}/${info.kind}`) {
    case 'events.k8s.io/v1/Event':
      return renamed(
        { reportingController: '', reportingInstance: '', ...object },
        { apiVersion: 'v1', kind: 'Event' },
        EVENT_FIELDS.map(([core, other]) => [other, core] as const),
      );
    case 'autoscaling/v1/HorizontalPodAutoscaler':
      return autoscalerToV2(object);
    default:
      return object;
  }
}

/** A stored object in the shape of a resource. Its input stays as it is. */
export function fromStored(info: ResourceInfo, object: ApiObject): ApiObject {
  switch (`${apiVersionOf(info)}/${info.kind}`) {
    case 'events.k8s.io/v1/Event':
      return withoutEmpty(renamed(object, { apiVersion: 'events.k8s.io/v1', kind: 'Event' }, EVENT_FIELDS));
    case 'autoscaling/v1/HorizontalPodAutoscaler':
      return autoscalerToV1(object);
    default:
      return object;
  }
}

/** Whether a resource's shape is the stored one. */
export function isStoredShape(info: ResourceInfo): boolean {
  return info.storageVersion === undefined || storedShape(info) === apiVersionOf(info);
}

/** The facts name the same storage version for both events; the stored shape is the core one. */
function storedShape(info: ResourceInfo): string {
  return info.kind === 'Event' ? 'v1' : (info.storageVersion ?? apiVersionOf(info));
}

/** Annotations that carry a part of the status in a resource's shape: whoever writes the object leaves them alone. */
export function statusAnnotations(info: ResourceInfo): readonly string[] {
  return `${apiVersionOf(info)}/${info.kind}` === 'autoscaling/v1/HorizontalPodAutoscaler'
    ? [METRICS_SEEN, CONDITIONS_SEEN]
    : [];
}
