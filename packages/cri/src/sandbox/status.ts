/** PodSandboxStatus and ListPodSandbox: records in CRI's form, with the state checked against the pause process. */
import type { Draft, PodSandbox, PodSandboxFilter, PodSandboxStatus } from '@timonier/grpc/cri';
import type { Runtime } from '../runtime/context.ts';
import { isAlive } from '../runtime/process.ts';
import type { SandboxRecord } from '../runtime/records.ts';

/** A sandbox whose pause process died is not ready, whatever the record says. */
export function isReady(sandbox: SandboxRecord): boolean {
  return sandbox.ready && isAlive(sandbox.pause);
}

export function podSandboxStatus(sandbox: SandboxRecord): Draft<PodSandboxStatus> {
  const [ip = '', ...others] = sandbox.addresses;
  const { config } = sandbox;
  return {
    id: sandbox.id,
    metadata: config.metadata,
    state: isReady(sandbox) ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY',
    createdAt: sandbox.createdAt,
    network: { ip, additionalIps: others.map((address) => ({ ip: address })) },
    linux: { namespaces: { options: config.linux?.securityContext?.namespaceOptions ?? {} } },
    labels: config.labels,
    annotations: config.annotations,
    runtimeHandler: sandbox.runtimeHandler,
  };
}

export function listPodSandboxes(
  runtime: Runtime,
  filter: PodSandboxFilter | undefined,
): Draft<PodSandbox>[] {
  return runtime.sandboxes
    .list()
    .map((sandbox): Draft<PodSandbox> => ({
      id: sandbox.id,
      metadata: sandbox.config.metadata,
      state: isReady(sandbox) ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY',
      createdAt: sandbox.createdAt,
      labels: sandbox.config.labels,
      annotations: sandbox.config.annotations,
      runtimeHandler: sandbox.runtimeHandler,
    }))
    .filter((item) => {
      if (filter === undefined) return true;
      if (filter.id !== '' && item.id?.startsWith(filter.id) !== true) return false;
      if (filter.state !== undefined && item.state !== filter.state.state) return false;
      return hasLabels(item.labels ?? {}, filter.labelSelector);
    });
}

export function hasLabels(
  labels: Readonly<Record<string, string | undefined>>,
  selector: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}
