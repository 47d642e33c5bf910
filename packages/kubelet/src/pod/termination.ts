/**
 * Stops containers and removes what is left of a pod, in order: all ordinary containers at once, each after its
 * preStop hook and within its grace, then the sidecars, then the sandboxes. Every step may be repeated.
 */
import type { Container, Pod } from '@timonier/api';
import { runHandler } from '../probes/handler.ts';
import { graceAnnotation } from '../runtime/labels.ts';
import type { RuntimeContainer, RuntimePod } from '../runtime/runtime-pod.ts';
import { isNotFoundInRuntime, type Runtime } from '../runtime/runtime.ts';
import { containerNamed, initContainers, isSidecar } from './pod-facts.ts';

/** What stopping must leave to the container at least, once its hook has used up the grace. */
const minStopSeconds = 2;

export interface StopContext {
  readonly runtime: Runtime;
  readonly onEvent: (type: 'Normal' | 'Warning', reason: string, message: string, container: string) => void;
}

export async function stopContainer(
  target: RuntimeContainer,
  definition: Container | undefined,
  podIp: string,
  graceSeconds: number,
  message: string,
  { runtime, onEvent }: StopContext,
): Promise<void> {
  onEvent('Normal', 'Killing', message, target.name);
  const deadline = Date.now() + graceSeconds * 1000;
  const hook = definition?.lifecycle?.preStop;
  if (hook !== undefined && graceSeconds > 0 && definition !== undefined) {
    const at = { containerId: target.id, container: definition, podIp };
    await runHandler(hook, at, runtime, graceSeconds * 1000).catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      onEvent('Warning', 'FailedPreStopHook', `PreStopHook failed: ${text}`, target.name);
    });
  }
  const left = Math.ceil((deadline - Date.now()) / 1000);
  const timeout = graceSeconds === 0 ? 0 : Math.max(left, Math.min(graceSeconds, minStopSeconds));
  await gone(
    runtime.cri.runtime.StopContainer(
      { containerId: target.id, timeout },
      { timeoutMs: timeout * 1000 + 30_000 },
    ),
  );
}

/** Stops whatever runs of a pod, sandboxes included. */
export async function stopPod(
  pod: Pod | undefined,
  state: RuntimePod,
  graceSeconds: number | undefined,
  context: StopContext,
): Promise<void> {
  const running = state.containers.filter((container) => container.state === 'running');
  const sidecars = new Set(
    pod === undefined
      ? []
      : initContainers(pod)
          .filter(isSidecar)
          .map(({ name }) => name),
  );
  const stop = (target: RuntimeContainer): Promise<void> => {
    const definition = pod === undefined ? undefined : containerNamed(pod, target.name);
    const grace = graceSeconds ?? Number(target.annotations[graceAnnotation] ?? 30);
    const podIp = state.sandboxes[0]?.ips[0] ?? '';
    return stopContainer(target, definition, podIp, grace, `Stopping container ${target.name}`, context);
  };
  await Promise.all(running.filter(({ name }) => !sidecars.has(name)).map(stop));
  await Promise.all(running.filter(({ name }) => sidecars.has(name)).map(stop));
  for (const { id } of state.sandboxes) {
    await gone(context.runtime.cri.runtime.StopPodSandbox({ podSandboxId: id }));
  }
}

/** Removes stopped containers and sandboxes. */
export async function removePod(state: RuntimePod, runtime: Runtime): Promise<void> {
  await Promise.all(
    state.containers.map(({ id }) => gone(runtime.cri.runtime.RemoveContainer({ containerId: id }))),
  );
  for (const { id } of state.sandboxes)
    await gone(runtime.cri.runtime.RemovePodSandbox({ podSandboxId: id }));
}

/** What is not there any more need not be stopped. */
async function gone(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isNotFoundInRuntime(error)) throw error;
  }
}
