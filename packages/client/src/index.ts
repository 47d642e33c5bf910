export {
  ApiError,
  apiErrorFrom,
  ConnectionError,
  isAlreadyExists,
  isConflict,
  isInvalid,
  isNotFound,
  isStaleEpoch,
} from './errors.ts';
export { CacheTrouble } from './cache-trouble.ts';
export { pause } from './backoff.ts';
export { type ClientOptions, createClient } from './client.ts';
export { createEventRecorder, type EventRecorder } from './event-recorder.ts';
export { type CatchingInformer, createInformer } from './informer.ts';
export { clientFromKubeconfig, loadKubeconfig } from './kubeconfig.ts';
export { keyOf, objectKey, parseKey } from './object-store.ts';
export { apiVersionOf } from './paths.ts';
export type * from './types.ts';
export { WorkQueue, type WorkQueueMetrics } from './work-queue.ts';
export { execInPod } from './exec.ts';
export { lead, type Stoppable, type Term } from './leading.ts';
export { officeGauge, workQueueMetrics } from './loop-metrics.ts';
export { restClientMetrics } from './rest-metrics.ts';
export { type Office, OfficeClient } from './office.ts';
