/**
 * What the runtime has of one pod, in the form the kubelet decides on: sandboxes and containers, newest first, times
 * in milliseconds since the epoch (0 when it has not happened).
 */
import type * as cri from '@timonier/grpc/cri';
import { containerNameLabel, podNameLabel, podNamespaceLabel, podUidLabel } from './labels.ts';

export interface RuntimeSandbox {
  readonly id: string;
  readonly attempt: number;
  readonly ready: boolean;
  readonly createdAt: number;
  readonly ips: readonly string[];
}

export type RuntimeContainerState = 'created' | 'running' | 'exited' | 'unknown';

export interface RuntimeContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: RuntimeContainerState;
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  readonly image: string;
  readonly imageRef: string;
  readonly logPath: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly mounts: readonly { readonly containerPath: string; readonly hostPath: string }[];
}

export interface RuntimePod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly sandboxes: readonly RuntimeSandbox[];
  readonly containers: readonly RuntimeContainer[];
}

const states: Readonly<Record<cri.ContainerState, RuntimeContainerState>> = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
  CONTAINER_UNKNOWN: 'unknown',
};

const nanosPerMilli = 1e6;

export function toRuntimeSandbox(status: cri.PodSandboxStatus): RuntimeSandbox {
  const first = status.network?.ip ?? '';
  const more = status.network?.additionalIps ?? [];
  return {
    id: status.id,
    attempt: status.metadata?.attempt ?? 0,
    ready: status.state === 'SANDBOX_READY',
    createdAt: status.createdAt / nanosPerMilli,
    ips: first === '' ? [] : [first, ...more.map(({ ip }) => ip)],
  };
}

export function toRuntimeContainer(status: cri.ContainerStatus, sandboxId: string): RuntimeContainer {
  return {
    id: status.id,
    sandboxId,
    name: status.metadata?.name ?? status.labels[containerNameLabel] ?? '',
    attempt: status.metadata?.attempt ?? 0,
    state: states[status.state],
    createdAt: status.createdAt / nanosPerMilli,
    startedAt: status.startedAt / nanosPerMilli,
    finishedAt: status.finishedAt / nanosPerMilli,
    exitCode: status.exitCode,
    reason: status.reason,
    message: status.message,
    image: status.image?.image ?? '',
    imageRef: status.imageRef,
    logPath: status.logPath,
    annotations: status.annotations,
    mounts: status.mounts,
  };
}

/** Newest first: by attempt, then by age. */
export function newestFirst<T extends { readonly attempt: number; readonly createdAt: number }>(
  list: readonly T[],
): T[] {
  return list.toSorted((a, b) => b.attempt - a.attempt || b.createdAt - a.createdAt);
}

/** Containers of one name, newest first. */
export function containersNamed(pod: RuntimePod, name: string): readonly RuntimeContainer[] {
  return pod.containers.filter((container) => container.name === name);
}

export function identityOf(labels: Readonly<Record<string, string>>): {
  uid: string;
  namespace: string;
  name: string;
} {
  return {
    uid: labels[podUidLabel] ?? '',
    namespace: labels[podNamespaceLabel] ?? '',
    name: labels[podNameLabel] ?? '',
  };
}
