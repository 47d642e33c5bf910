/** StartContainer: lets the waiting first process run. Its exit is seen by `exits.ts`, however early it comes. */
import { CriError, criStatus } from '@timonier/grpc/cri';
import { nowNanoseconds, type Runtime } from '../runtime/context.ts';

export async function startContainer(runtime: Runtime, id: string): Promise<void> {
  const container = runtime.containers.get(id);
  await runtime.locks.run(`container ${container.id}`, async () => {
    const { state } = runtime.containers.get(container.id);
    if (state !== 'CONTAINER_CREATED') {
      throw new CriError(
        criStatus.FAILED_PRECONDITION,
        `container ${container.id} is ${state}, not CONTAINER_CREATED`,
      );
    }
    // Recorded before it runs: an exit that comes at once must find a started container.
    runtime.containers.update(container.id, { state: 'CONTAINER_RUNNING', startedAt: nowNanoseconds() });
    try {
      await runtime.oci.start(container.id);
    } catch (error) {
      const current = runtime.containers.get(container.id);
      const message = error instanceof Error ? error.message : String(error);
      if (current.state === 'CONTAINER_RUNNING') {
        // The first process never ran; conmon will still report its end, with a code that would mean nothing.
        runtime.containers.update(container.id, {
          state: 'CONTAINER_EXITED',
          finishedAt: nowNanoseconds(),
          exitCode: 128,
          reason: 'StartError',
          message,
        });
      }
      throw new CriError(
        criStatus.UNKNOWN,
        `cannot start container "${container.config.metadata?.name}": ${message}`,
        {
          cause: error,
        },
      );
    }
    runtime.emit('CONTAINER_STARTED_EVENT', container.id, container.sandboxId);
  });
}
