/** What of a pod runs at the moment, by what the runtime says: what is probed, and what ends soon. */
import type { Pod } from '@timonier/api';
import type { Probed } from '../probes/prober.ts';
import type { RuntimePod } from '../runtime/runtime-pod.ts';
import { containerNamed, initContainers, isSidecar } from './pod-facts.ts';

const initCheckForMs = 3_000;

/** Running containers of the current sandbox, with what an earlier life of the kubelet found out about them. */
export function probedIn(pod: Pod, state: RuntimePod): Probed[] {
  const sandbox = state.sandboxes[0];
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return state.containers
    .filter((container) => container.state === 'running' && container.sandboxId === sandbox?.id)
    .flatMap((target) => {
      const container = containerNamed(pod, target.name);
      if (container === undefined) return [];
      const known = statuses.find(({ containerID }) => containerID?.endsWith(`//${target.id}`) === true);
      return [{ target, container, wasStarted: known?.started === true, wasReady: known?.ready === true }];
    });
}

/** An init container that has just begun usually ends soon, and the whole pod waits for it. */
export function shortInitRuns(pod: Pod, state: RuntimePod): boolean {
  const names = new Set(
    initContainers(pod)
      .filter((container) => !isSidecar(container))
      .map(({ name }) => name),
  );
  return state.containers.some(
    ({ name, state: now, startedAt }) =>
      now === 'running' && names.has(name) && Date.now() - startedAt < initCheckForMs,
  );
}
