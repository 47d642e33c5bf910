/**
 * What a pod has left behind in the runtime and nobody looks at any more: all but the newest two containers of a name,
 * whose logs and exit codes are asked for, and sandboxes that were replaced, once all containers run in the current one.
 */
import type { Pod } from '@timonier/api';
import { containersNamed, type RuntimePod } from '../runtime/runtime-pod.ts';
import { mainContainers } from './pod-facts.ts';

const keptOfName = 2;

/** Undefined when there is nothing to remove. */
export function garbageOf(
  pod: Pod,
  state: RuntimePod,
): Pick<RuntimePod, 'containers' | 'sandboxes'> | undefined {
  const names = new Set(state.containers.map(({ name }) => name));
  const containers = [...names].flatMap((name) =>
    containersNamed(state, name)
      .slice(keptOfName)
      .filter((container) => container.state === 'exited'),
  );
  const [current, ...replaced] = state.sandboxes;
  const hasMoved = mainContainers(pod).every(({ name }) =>
    containersNamed(state, name).some(({ sandboxId }) => sandboxId === current?.id),
  );
  const sandboxes = hasMoved ? replaced.filter(({ ready }) => !ready) : [];
  return containers.length === 0 && sandboxes.length === 0 ? undefined : { containers, sandboxes };
}
