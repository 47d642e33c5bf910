/** RemoveContainer: kills it if it still runs, then takes away everything it had, its log excepted. */
import type { Runtime } from '../runtime/context.ts';
import { discard } from './discard.ts';
import { stopContainer } from './stop.ts';

export async function removeContainer(runtime: Runtime, id: string): Promise<void> {
  const container = runtime.containers.find(id);
  if (container === undefined) return;
  await stopContainer(runtime, container.id, 0);
  await runtime.locks.run(`container ${container.id}`, async () => {
    if (runtime.containers.find(container.id) === undefined) return;
    await discard(runtime, container.id);
    runtime.emit('CONTAINER_DELETED_EVENT', container.id, container.sandboxId);
  });
}
