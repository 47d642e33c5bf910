/**
 * StopPodSandbox and RemovePodSandbox. Both may be repeated, and go on where an earlier attempt ended: a sandbox is
 * marked not ready first, so a crash in the middle leaves something that stopping again finishes.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { removeCgroup } from '@timonier/linux/cgroup';
import { removeContainer } from '../container/remove.ts';
import { stopContainer } from '../container/stop.ts';
import { bundleFolder, type Runtime } from '../runtime/context.ts';
import { signalProcess } from '../runtime/process.ts';
import type { SandboxRecord } from '../runtime/records.ts';
import { unmountSharedMemory } from './files.ts';
import { unpinNamespaces } from './namespaces.ts';
import { namespaceFolder, podNetwork, sharedMemoryFolder } from './run.ts';

export async function stopPodSandbox(runtime: Runtime, id: string): Promise<void> {
  const sandbox = runtime.sandboxes.find(id);
  if (sandbox === undefined) return;
  await runtime.locks.run(`sandbox ${sandbox.id}`, async () => {
    const containers = runtime.containers.list().filter(({ sandboxId }) => sandboxId === sandbox.id);
    await Promise.all(containers.map((container) => stopContainer(runtime, container.id, 0)));
    const current = runtime.sandboxes.find(sandbox.id);
    if (current === undefined) return;
    const wasReady = current.ready;
    await tearDown(runtime, runtime.sandboxes.update(current.id, { ready: false }));
    if (wasReady) runtime.emit('CONTAINER_STOPPED_EVENT', current.id, current.id);
  });
}

export async function removePodSandbox(runtime: Runtime, id: string): Promise<void> {
  const sandbox = runtime.sandboxes.find(id);
  if (sandbox === undefined) return;
  await stopPodSandbox(runtime, sandbox.id);
  for (const container of runtime.containers.list()) {
    if (container.sandboxId === sandbox.id) await removeContainer(runtime, container.id);
  }
  await runtime.locks.run(`sandbox ${sandbox.id}`, async () => {
    runtime.sandboxes.remove(sandbox.id);
    removeCgroup(runtime.cgroups, join(sandbox.cgroup, sandbox.id));
    runtime.emit('CONTAINER_DELETED_EVENT', sandbox.id, sandbox.id);
  });
}

/** Takes down network, pause process and namespaces; what is not there is skipped. */
export async function tearDown(runtime: Runtime, sandbox: SandboxRecord): Promise<void> {
  const { net } = sandbox.namespaces;
  // A network that cannot be released must stay visible as a failure: its address would leak. After a reboot the
  // namespace is gone, but the address is still taken; plugins release it when they are given no namespace.
  if (net !== undefined && sandbox.cniResult !== undefined) {
    await runtime.cni.remove(podNetwork(sandbox, existsSync(net) ? net : ''), sandbox.cniResult);
    runtime.sandboxes.update(sandbox.id, { cniResult: undefined });
  }
  if (sandbox.pause !== undefined) signalProcess(sandbox.pause, 'SIGKILL');
  await runtime.oci.delete(sandbox.id);
  rmSync(bundleFolder(runtime.settings, sandbox.id), { recursive: true, force: true });
  unmountSharedMemory(sharedMemoryFolder(runtime, sandbox.id));
  unpinNamespaces(namespaceFolder(runtime, sandbox.id));
}
