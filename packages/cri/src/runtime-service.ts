/** RuntimeService: maps each call of CRI to the verb that does it. */
import { accessSync, constants } from 'node:fs';
import { availableParallelism } from 'node:os';
import { CriError, criStatus, type RuntimeServiceHandlers } from '@timonier/grpc/cri';
import type {
  ContainerEventResponse,
  ContainerStatsFilter,
  Draft,
  RuntimeCondition,
} from '@timonier/grpc/cri';
import { createContainer } from './container/create.ts';
import { execSync } from './container/exec-sync.ts';
import { reopenContainerLog } from './container/log.ts';
import { removeContainer } from './container/remove.ts';
import { startContainer } from './container/start.ts';
import { containerStats, type UsageSamples, podSandboxStats } from './container/stats.ts';
import { containerStatus, listContainers } from './container/status.ts';
import { stopContainer } from './container/stop.ts';
import { updateContainerResources } from './container/update.ts';
import { nowNanoseconds, type Runtime } from './runtime/context.ts';
import type { EventHub } from './runtime/events.ts';
import { Gate } from './runtime/gate.ts';
import type { RuntimeEvent } from './runtime/open.ts';
import type { ContainerRecord } from './runtime/records.ts';
import { runPodSandbox } from './sandbox/run.ts';
import { hasLabels, listPodSandboxes, podSandboxStatus } from './sandbox/status.ts';
import { removePodSandbox, stopPodSandbox } from './sandbox/stop.ts';
import type { StreamServer } from './stream/server.ts';

export interface RuntimeServiceParts {
  readonly runtime: Runtime;
  readonly events: EventHub<RuntimeEvent>;
  readonly streams: StreamServer;
  readonly rates: UsageSamples;
  readonly version: string;
}

export function runtimeService(parts: RuntimeServiceParts): RuntimeServiceHandlers {
  const { runtime, events, streams, rates } = parts;
  const gate = new Gate(Math.max(4, 2 * availableParallelism()));
  const unimplemented = (what: string) => async (): Promise<never> => {
    throw new CriError(criStatus.UNIMPLEMENTED, `${what} is not implemented`);
  };
  const allContainerStats = async (filter: ContainerStatsFilter | undefined) =>
    await Promise.all(running(runtime, filter).map((container) => containerStats(runtime, rates, container)));
  const allSandboxStats = async (filter: { id: string; labelSelector: Record<string, string> } | undefined) =>
    await Promise.all(
      runtime.sandboxes
        .list()
        .filter(({ id, ready }) => ready && (filter === undefined || id.startsWith(filter.id)))
        .filter(({ config }) => hasLabels(config.labels, filter?.labelSelector ?? {}))
        .map((sandbox) => podSandboxStats(runtime, rates, sandbox)),
    );
  const forgetRemoved = (): void => {
    rates.keepOnly(new Set([...runtime.containers.list(), ...runtime.sandboxes.list()].map(({ id }) => id)));
  };
  const runningContainer = (id: string): string => {
    const { state, id: fullId } = runtime.containers.get(id);
    if (state !== 'CONTAINER_RUNNING') {
      throw new CriError(criStatus.FAILED_PRECONDITION, `container ${fullId} is ${state}`);
    }
    return fullId;
  };
  return {
    Version: async () => ({
      version: '0.1.0',
      runtimeName: 'timonier',
      runtimeVersion: parts.version,
      runtimeApiVersion: 'v1',
    }),
    // What is nearest to being ready goes first.
    RunPodSandbox: (request) => gate.run(2, () => runPodSandbox(runtime, request)),
    StopPodSandbox: async ({ podSandboxId }) => {
      await stopPodSandbox(runtime, podSandboxId);
      return {};
    },
    RemovePodSandbox: async ({ podSandboxId }) => {
      await removePodSandbox(runtime, podSandboxId);
      forgetRemoved();
      return {};
    },
    PodSandboxStatus: async ({ podSandboxId, verbose }) => {
      const sandbox = runtime.sandboxes.get(podSandboxId);
      const containersStatuses = runtime.containers
        .list()
        .filter(({ sandboxId }) => sandboxId === sandbox.id)
        .map(containerStatus);
      const info = { pid: sandbox.pause?.pid, cgroup: sandbox.cgroup, namespaces: sandbox.namespaces };
      return {
        status: podSandboxStatus(sandbox),
        info: verbose ? { info: JSON.stringify(info) } : {},
        containersStatuses,
        timestamp: nowNanoseconds(),
      };
    },
    ListPodSandbox: async ({ filter }) => ({ items: listPodSandboxes(runtime, filter) }),
    StreamPodSandboxes: async function* ({ filter }) {
      yield* pages(listPodSandboxes(runtime, filter), (podSandboxes) => ({ podSandboxes }));
    },
    CreateContainer: (request) => gate.run(1, () => createContainer(runtime, request)),
    StartContainer: async ({ containerId }) => {
      await gate.run(0, () => startContainer(runtime, containerId));
      return {};
    },
    StopContainer: async ({ containerId, timeout }) => {
      await stopContainer(runtime, containerId, timeout);
      return {};
    },
    RemoveContainer: async ({ containerId }) => {
      await removeContainer(runtime, containerId);
      forgetRemoved();
      return {};
    },
    ListContainers: async ({ filter }) => ({ containers: listContainers(runtime, filter) }),
    StreamContainers: async function* ({ filter }) {
      yield* pages(listContainers(runtime, filter), (containers) => ({ containers }));
    },
    ContainerStatus: async ({ containerId, verbose }) => {
      const container = runtime.containers.get(containerId);
      const info = { pid: container.process?.pid, sandboxID: container.sandboxId, cgroup: container.cgroup };
      return { status: containerStatus(container), info: verbose ? { info: JSON.stringify(info) } : {} };
    },
    UpdateContainerResources: async ({ containerId, linux }) => {
      await updateContainerResources(runtime, containerId, linux);
      return {};
    },
    ReopenContainerLog: async ({ containerId }) => {
      await reopenContainerLog(runtime, containerId);
      return {};
    },
    ExecSync: (request, { signal }) => execSync(runtime, request, signal),
    Exec: async (request) => {
      const containerId = runningContainer(request.containerId);
      return { url: streams.url({ kind: 'exec', request: { ...request, containerId } }) };
    },
    Attach: async (request) => {
      const containerId = runningContainer(request.containerId);
      return { url: streams.url({ kind: 'attach', request: { ...request, containerId } }) };
    },
    PortForward: async (request) => {
      const podSandboxId = runtime.sandboxes.get(request.podSandboxId).id;
      return { url: streams.url({ kind: 'portforward', request: { ...request, podSandboxId } }) };
    },
    ContainerStats: async ({ containerId }) => ({
      stats: await containerStats(runtime, rates, runtime.containers.get(containerId)),
    }),
    ListContainerStats: async ({ filter }) => ({ stats: await allContainerStats(filter) }),
    StreamContainerStats: async function* ({ filter }) {
      yield* pages(await allContainerStats(filter), (containerStats) => ({ containerStats }));
    },
    PodSandboxStats: async ({ podSandboxId }) => ({
      stats: await podSandboxStats(runtime, rates, runtime.sandboxes.get(podSandboxId)),
    }),
    ListPodSandboxStats: async ({ filter }) => ({ stats: await allSandboxStats(filter) }),
    StreamPodSandboxStats: async function* ({ filter }) {
      yield* pages(await allSandboxStats(filter), (podSandboxStats) => ({ podSandboxStats }));
    },
    // The pod range reaches CNI through its own configuration.
    UpdateRuntimeConfig: async () => ({}),
    UpdatePodSandboxResources: unimplemented('UpdatePodSandboxResources'),
    Status: async ({ verbose }) => ({
      status: { conditions: conditions(runtime) },
      info: verbose ? { config: JSON.stringify({ root: runtime.settings.root, oci: runtime.oci.path }) } : {},
      runtimeHandlers: [{ name: '', features: { recursiveReadOnlyMounts: true, userNamespaces: false } }],
      features: { supplementalGroupsPolicy: true },
    }),
    CheckpointContainer: unimplemented('CheckpointContainer'),
    CheckpointPod: unimplemented('CheckpointPod'),
    RestorePod: unimplemented('RestorePod'),
    GetContainerEvents: async function* (_request, { signal }) {
      for await (const event of events.subscribe(signal)) yield eventMessage(runtime, event);
    },
    ListMetricDescriptors: unimplemented('ListMetricDescriptors'),
    ListPodSandboxMetrics: unimplemented('ListPodSandboxMetrics'),
    // oxlint-disable-next-line require-yield
    StreamPodSandboxMetrics: async function* () {
      throw new CriError(criStatus.UNIMPLEMENTED, 'StreamPodSandboxMetrics is not implemented');
    },
    RuntimeConfig: async () => ({ linux: { cgroupDriver: 'CGROUPFS' } }),
  };
}

function running(runtime: Runtime, filter: ContainerStatsFilter | undefined): ContainerRecord[] {
  return runtime.containers.list().filter(({ id, sandboxId, state, config }) => {
    if (state !== 'CONTAINER_RUNNING') return false;
    if (filter === undefined) return true;
    return (
      id.startsWith(filter.id) &&
      sandboxId.startsWith(filter.podSandboxId) &&
      hasLabels(config.labels, filter.labelSelector)
    );
  });
}

const pageSize = 500;

function* pages<T, R>(items: readonly T[], wrap: (page: T[]) => R): Iterable<R> {
  for (let i = 0; i < items.length; i += pageSize) yield wrap(items.slice(i, i + pageSize));
}

function conditions(runtime: Runtime): Draft<RuntimeCondition>[] {
  let network: Draft<RuntimeCondition> = { type: 'NetworkReady', status: true, reason: '', message: '' };
  try {
    runtime.cni.network();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    network = { type: 'NetworkReady', status: false, reason: 'NetworkPluginNotReady', message };
  }
  let live: Draft<RuntimeCondition> = { type: 'RuntimeReady', status: true, reason: '', message: '' };
  for (const program of [runtime.oci.path, runtime.settings.conmon]) {
    try {
      accessSync(program, constants.X_OK);
    } catch {
      live = {
        type: 'RuntimeReady',
        status: false,
        reason: 'ProgramMissing',
        message: `${program} is missing`,
      };
    }
  }
  return [live, network];
}

function eventMessage(runtime: Runtime, event: RuntimeEvent): Draft<ContainerEventResponse> {
  const sandbox = runtime.sandboxes.find(event.sandboxId);
  return {
    containerId: event.containerId,
    containerEventType: event.type,
    createdAt: event.at,
    podSandboxStatus: sandbox === undefined ? undefined : podSandboxStatus(sandbox),
    containersStatuses: runtime.containers
      .list()
      .filter(({ sandboxId }) => sandboxId === event.sandboxId)
      .map(containerStatus),
  };
}
