export {
  ApiError,
  apiErrorFrom,
  ConnectionError,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  isStaleEpoch,
  type Status,
  type StatusCause,
} from './errors.ts';
export { CacheTrouble } from './cache-trouble.ts';
export { Backoff, pause } from './backoff.ts';
export { type ClientOptions, createClient, officeHeader } from './client.ts';
export {
  createEventRecorder,
  type CoreEvent,
  type EventRecorder,
  type EventSource,
} from './event-recorder.ts';
export {
  type CatchingInformer,
  createInformer,
  type InformerEvent,
  type InformerOptions,
} from './informer.ts';
export { clientFromKubeconfig, loadKubeconfig, type LoadedKubeconfig } from './kubeconfig.ts';
export { type IndexFunctions, keyOf, objectKey, ObjectStore, parseKey } from './object-store.ts';
export { apiVersionOf, collectionPath, groupPath, objectPath } from './paths.ts';
export type * from './types.ts';
export { WorkQueue, type WorkQueueMetrics, type WorkQueueOptions } from './work-queue.ts';
export { execInPod, type ExecOptions } from './exec.ts';
export { lead, type LeadOptions, type Stoppable, type Term } from './leading.ts';
export { officeGauge, workQueueMetrics } from './loop-metrics.ts';
export { type ClientMetrics, restClientMetrics } from './rest-metrics.ts';
export { type Office, OfficeClient, type OfficeState } from './office.ts';
