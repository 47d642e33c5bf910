/**
 * One constant per served resource, such as `resources.pods`, typed with the interface of its kind. Names are the
 * URL's plural; where two groups share one, `events` and `horizontalpodautoscalers` are the usual ones and
 * `eventsV1` (events.k8s.io) and `horizontalpodautoscalersV1` (autoscaling/v1) the others.
 */
export * from './generated/resources.ts';
export type { ResourceType } from './resource-type.ts';
