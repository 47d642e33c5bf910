/** What is said to those who want the log of a container, or to talk to one, that is not there: in upstream's words. Pure. */
import type { Pod } from '@timonier/api';

/** Why there is no log yet, or no longer. The pod's status says what its container waits for. */
export function noLogs(pod: Pod, container: string, previous: boolean): string {
  const name = pod.metadata?.name ?? '';
  if (previous) return `previous terminated container "${container}" in pod "${name}" not found`;
  const {
    initContainerStatuses = [],
    containerStatuses = [],
    ephemeralContainerStatuses = [],
  } = pod.status ?? {};
  const status = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find(
    (one) => one.name === container,
  );
  if (status === undefined) return `container "${container}" in pod "${name}" is not available`;
  const reason = status.state?.waiting?.reason;
  const waiting = `container "${container}" in pod "${name}" is waiting to start`;
  if (reason === undefined) return `${waiting} - no logs yet`;
  if (reason === 'ErrImagePull') return `${waiting}: image can't be pulled`;
  if (reason === 'ImagePullBackOff') return `${waiting}: trying and failing to pull image`;
  return `${waiting}: ${reason}`;
}

/** Why nothing can be run in a container, or attached to it. */
export function notRunning(verb: 'exec' | 'attach', pod: Pod, container: string): string {
  const { name = '', namespace = '' } = pod.metadata ?? {};
  return verb === 'exec'
    ? `container not found ("${container}")`
    : `container ${container} not found in pod ${name}_${namespace}`;
}
