/**
 * StopPodSandbox and RemovePodSandbox. Both may be repeated, and go on where an earlier attempt ended: a sandbox is
 * marked not ready first, so a crash in the middle leaves something that stopping again finishes.
 */
import { join } from 'node:path';
import { removeCgroup } from '@timonier/linux/cgroup';
import { removeContainer } from '../container/remove.ts';
import { stopContainer } from '../container/stop.ts';
import type { Runtime } from '../runtime/context.ts';
import { tearDown } from './tear-down.ts';

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
