/** UpdateContainerResources: new limits for a container, running or not, remembered for its status. */
import { CriError, criStatus } from '@timonier/grpc/cri';
import type { LinuxContainerResources } from '@timonier/grpc/cri';
import type { Runtime } from '../runtime/context.ts';
import { ociResources } from '../runtime/resources.ts';

export async function updateContainerResources(
  runtime: Runtime,
  id: string,
  resources: LinuxContainerResources | undefined,
): Promise<void> {
  const container = runtime.containers.get(id);
  if (resources === undefined) return;
  await runtime.locks.run(`container ${container.id}`, async () => {
    const current = runtime.containers.get(container.id);
    if (current.state !== 'CONTAINER_RUNNING' && current.state !== 'CONTAINER_CREATED') {
      throw new CriError(criStatus.FAILED_PRECONDITION, `container ${container.id} is ${current.state}`);
    }
    await runtime.oci.update(container.id, ociResources(resources));
    const old = current.config.linux?.resources;
    const merged = { ...(old ?? resources), ...changed(resources) };
    runtime.containers.update(container.id, {
      config: { ...current.config, linux: { ...current.config.linux, resources: merged } },
    });
  });
}

/** The fields that say something: zero, empty and absent mean "leave it". */
function changed(resources: LinuxContainerResources): Partial<LinuxContainerResources> {
  return Object.fromEntries(
    Object.entries(resources).filter(([, value]) => {
      if (typeof value === 'object') return Object.keys(value as object).length > 0;
      return value !== 0 && value !== '';
    }),
  );
}
