/**
 * The CRI runtime as the kubelet uses it: whole pods instead of single calls. Knows nothing about the API server.
 * Every call is counted and timed under kubelet's metric names.
 */
import { CriError, criStatus, type CriClient } from '@timonier/grpc/cri';
import type { KubeletMetrics } from '../metrics.ts';
import { podUidLabel } from './labels.ts';
import {
  identityOf,
  newestFirst,
  toRuntimeContainer,
  toRuntimeSandbox,
  type RuntimePod,
} from './runtime-pod.ts';

/** What changed hands at a glance: one line per sandbox or container, for the poller. */
export interface RuntimeEntry {
  readonly id: string;
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly state: string;
}

export function isNotFoundInRuntime(error: unknown): boolean {
  return error instanceof CriError && error.code === criStatus.NOT_FOUND;
}

/** What the runtime says, without the name of its code: for people. */
export function textOf(error: unknown): string {
  if (error instanceof CriError) return error.details;
  return error instanceof Error ? error.message : String(error);
}

export class Runtime {
  readonly cri: CriClient;

  constructor(cri: CriClient, metrics: KubeletMetrics) {
    this.cri = {
      runtime: timed(cri.runtime, metrics),
      images: timed(cri.images, metrics),
      close: () => cri.close(),
    };
  }

  /** Everything the runtime has of a pod, read now. */
  async inspectPod(uid: string): Promise<RuntimePod> {
    const filter = { labelSelector: { [podUidLabel]: uid } };
    const [sandboxes, containers] = await Promise.all([
      this.cri.runtime.ListPodSandbox({ filter }),
      this.cri.runtime.ListContainers({ filter }),
    ]);
    const [sandboxStatuses, containerStatuses] = await Promise.all([
      Promise.all(
        sandboxes.items.map(async ({ id }) => {
          const answer = await missingAsUndefined(this.cri.runtime.PodSandboxStatus({ podSandboxId: id }));
          return answer?.status === undefined ? [] : [toRuntimeSandbox(answer.status)];
        }),
      ),
      Promise.all(
        containers.containers.map(async ({ id, podSandboxId }) => {
          const answer = await missingAsUndefined(this.cri.runtime.ContainerStatus({ containerId: id }));
          return answer?.status === undefined ? [] : [toRuntimeContainer(answer.status, podSandboxId)];
        }),
      ),
    ]);
    const identity = identityOf(sandboxes.items[0]?.labels ?? containers.containers[0]?.labels ?? {});
    return {
      uid,
      namespace: identity.namespace,
      name: identity.name,
      sandboxes: newestFirst(sandboxStatuses.flat()),
      containers: newestFirst(containerStatuses.flat()),
    };
  }

  /** All sandboxes and containers of Kubernetes pods, by id. */
  async listEntries(): Promise<Map<string, RuntimeEntry>> {
    const [sandboxes, containers] = await Promise.all([
      this.cri.runtime.ListPodSandbox({}),
      this.cri.runtime.ListContainers({}),
    ]);
    const entries = new Map<string, RuntimeEntry>();
    for (const { id, labels, state } of [...sandboxes.items, ...containers.containers]) {
      const { uid, namespace, name } = identityOf(labels);
      if (uid !== '') entries.set(id, { id, podUid: uid, podNamespace: namespace, podName: name, state });
    }
    return entries;
  }
}

async function missingAsUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNotFoundInRuntime(error)) return undefined;
    throw error;
  }
}

/** The same service, with each unary call measured; streams pass through. */
function timed<S extends object>(service: S, metrics: KubeletMetrics): S {
  return new Proxy(service, {
    get(target, property, receiver) {
      const method: unknown = Reflect.get(target, property, receiver);
      if (typeof method !== 'function' || typeof property !== 'string') return method;
      return (...args: unknown[]): unknown => {
        const result: unknown = Reflect.apply(method, target, args);
        if (!(result instanceof Promise)) return result;
        const operation = operationName(property);
        const done = metrics.runtimeDuration.startTimer({ operation_type: operation });
        metrics.runtimeOperations.inc({ operation_type: operation });
        return result.then(
          (value: unknown) => {
            done();
            return value;
          },
          (error: unknown) => {
            done();
            metrics.runtimeErrors.inc({ operation_type: operation });
            throw error;
          },
        );
      };
    },
  });
}

/** `RunPodSandbox` → `run_podsandbox`, as upstream spells its label. */
function operationName(method: string): string {
  return method
    .replace('PodSandbox', 'Podsandbox')
    .replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`)
    .toLowerCase();
}
