/** StopContainer: asks, waits up to the timeout, then kills. Stopping what has stopped is fine. */
import { CriError, criStatus } from '@timonier/grpc/cri';
import type { Runtime } from '../runtime/context.ts';
import { signalProcess } from '../runtime/process.ts';
import type { ContainerRecord } from '../runtime/records.ts';
import { checkExit } from './exits.ts';

const killWaitMs = 10_000;
const maxTimeoutSeconds = 24 * 3600;

export async function stopContainer(runtime: Runtime, id: string, timeoutSeconds: number): Promise<void> {
  const container = runtime.containers.find(id);
  if (container === undefined) return;
  if (!isUp(container)) return;
  if (timeoutSeconds > 0 && container.state === 'CONTAINER_RUNNING') {
    const signal = /^\d+$/.test(container.stopSignal) ? Number(container.stopSignal) : container.stopSignal;
    if (container.process !== undefined) send(runtime, container, signal);
    const timeoutMs = Math.min(timeoutSeconds, maxTimeoutSeconds) * 1000;
    if (await runtime.waitForExit(container.id, timeoutMs)) return;
  }
  // Killing the first process ends its whole PID namespace; one that shares the pod's needs the whole group killed.
  const pidMode = container.config.linux?.securityContext?.namespaceOptions?.pid ?? 'CONTAINER';
  if (pidMode !== 'CONTAINER') await runtime.oci.killAll(container.id, 'KILL');
  else if (container.process !== undefined) signalProcess(container.process, 'SIGKILL');
  if (await runtime.waitForExit(container.id, killWaitMs)) return;
  checkExit(runtime, container.id);
  const state = runtime.containers.find(container.id);
  if (state !== undefined && isUp(state)) {
    throw new CriError(criStatus.DEADLINE_EXCEEDED, `container ${container.id} did not end after SIGKILL`);
  }
}

function isUp({ state }: ContainerRecord): boolean {
  return state === 'CONTAINER_RUNNING' || state === 'CONTAINER_CREATED';
}

function send(runtime: Runtime, container: ContainerRecord, signal: string | number): void {
  if (container.process === undefined) return;
  try {
    signalProcess(container.process, signal as NodeJS.Signals);
  } catch (error) {
    // A signal that Node has no name for, such as SIGRTMIN+3; the OCI runtime knows them all.
    runtime.log.debug({ err: error, signal }, 'sending a signal through the OCI runtime');
    void runtime.oci.kill(container.id, String(signal)).catch(() => undefined);
  }
}
