/** ContainerStatus and ListContainers: records in CRI's form. */
import type { Container, ContainerFilter, ContainerStatus, Draft, Signal } from '@timonier/grpc/cri';
import type { Runtime } from '../runtime/context.ts';
import type { ContainerRecord } from '../runtime/records.ts';
import { hasLabels } from '../sandbox/status.ts';

export function containerStatus(container: ContainerRecord): Draft<ContainerStatus> {
  const { config } = container;
  const resources = config.linux?.resources;
  return {
    id: container.id,
    metadata: config.metadata,
    state: container.state,
    createdAt: container.createdAt,
    startedAt: container.startedAt,
    finishedAt: container.finishedAt,
    exitCode: container.exitCode,
    image: config.image,
    imageRef: container.imageRef,
    imageId: container.imageId,
    reason: container.reason,
    message: container.message,
    labels: config.labels,
    annotations: config.annotations,
    mounts: config.mounts,
    logPath: container.logPath,
    resources: resources === undefined ? undefined : { linux: resources },
    user: {
      linux: {
        uid: container.user.uid,
        gid: container.user.gid,
        supplementalGroups: container.user.groups,
      },
    },
    stopSignal: signalOf(container.stopSignal),
  };
}

function signalOf(name: string): Signal {
  return /^\d+$/.test(name)
    ? 'SIGNAL_RUNTIME_DEFAULT'
    : `SIGNAL_${name.replace('+', 'PLUS').replace('-', 'MINUS')}`;
}

export function listContainers(runtime: Runtime, filter: ContainerFilter | undefined): Draft<Container>[] {
  return runtime.containers
    .list()
    .filter((container) => {
      // While it is being created it is nobody's business.
      if (container.state === 'CONTAINER_UNKNOWN') return false;
      if (filter === undefined) return true;
      if (!container.id.startsWith(filter.id)) return false;
      if (!container.sandboxId.startsWith(filter.podSandboxId)) return false;
      if (filter.state !== undefined && container.state !== filter.state.state) return false;
      return hasLabels(container.config.labels, filter.labelSelector);
    })
    .map((container) => ({
      id: container.id,
      podSandboxId: container.sandboxId,
      metadata: container.config.metadata,
      image: container.config.image,
      imageRef: container.imageRef,
      imageId: container.imageId,
      state: container.state,
      createdAt: container.createdAt,
      labels: container.config.labels,
      annotations: container.config.annotations,
    }));
}
