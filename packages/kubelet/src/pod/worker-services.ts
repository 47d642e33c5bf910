/** What pod workers share: the runtime, the host, and the ways back to the API server. */
import type { Pod, PodStatus } from '@timonier/api';
import type { ComponentContext, FlagSet } from '@timonier/component';
import type { KubeletMetrics } from '../metrics.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { NodeCapacity } from './admission.ts';
import type { ObjectSource } from './environment.ts';
import type { ImagePuller, PullCredentials } from './image-puller.ts';
import type { SandboxSettings } from './sandbox-config.ts';

export type Logger = ComponentContext<FlagSet>['log'];

export interface WorkerSettings extends SandboxSettings {
  readonly nodeName: string;
  readonly hostIp: string;
  /** Names the runtime in container ids, such as `containerd`. */
  readonly runtimeName: string;
}

export interface WorkerServices {
  readonly runtime: Runtime;
  readonly metrics: KubeletMetrics;
  readonly images: ImagePuller;
  readonly volumes: PodVolumes;
  readonly objects: ObjectSource;
  readonly credentials: (pod: Pod, image: string) => Promise<PullCredentials | undefined>;
  readonly settings: WorkerSettings;
  readonly allocatable: NodeCapacity;
  readonly log: Logger;
  readonly makeLogDirectory: (path: string) => Promise<void>;
  readonly removeLogDirectory: (path: string) => Promise<void>;
  /** Makes the status known; never blocks. */
  readonly publish: (pod: Pod, status: PodStatus) => void;
  /** Writes the last status and deletes the API object for good. */
  readonly finish: (pod: Pod, status: PodStatus) => Promise<void>;
  readonly event: (
    pod: Pod,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    fieldPath?: string,
  ) => void;
  /** The worker has ended and may be forgotten. */
  readonly onDone: (uid: string) => void;
}
