/** Small facts about a pod that several decisions share: pure. */
import { createHash } from 'node:crypto';
import { quantityMilli, type Container, type EphemeralContainer, type Pod } from '@timonier/api';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export function podIdentity(pod: Pod): PodIdentity {
  const { namespace = 'default', name = '', uid = '' } = pod.metadata ?? {};
  return { namespace, name, uid };
}

export function initContainers(pod: Pod): readonly Container[] {
  return pod.spec?.initContainers ?? [];
}

export function mainContainers(pod: Pod): readonly Container[] {
  return pod.spec?.containers ?? [];
}

/** Containers that somebody added to the running pod to look at it. They run once, and the pod's end ends them. */
export function ephemeralContainers(pod: Pod): readonly EphemeralContainer[] {
  return pod.spec?.ephemeralContainers ?? [];
}

export function containerNamed(pod: Pod, name: string): Container | EphemeralContainer | undefined {
  return [...initContainers(pod), ...mainContainers(pod), ...ephemeralContainers(pod)].find(
    (container) => container.name === name,
  );
}

/** The field of the specification that defines a container, as events name it. */
export function containerField(pod: Pod, name: string): string {
  const isIn = (list: readonly Container[]): boolean => list.some((container) => container.name === name);
  const list = isIn(initContainers(pod))
    ? 'initContainers'
    : isIn(ephemeralContainers(pod))
      ? 'ephemeralContainers'
      : 'containers';
  return `spec.${list}{${name}}`;
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

export function qosClass(pod: Pod): QosClass {
  let guaranteed = true;
  let anything = false;
  for (const container of [...initContainers(pod), ...mainContainers(pod)]) {
    const { requests = {}, limits = {} } = container.resources ?? {};
    for (const resource of ['cpu', 'memory']) {
      const limit = milli(limits[resource]);
      const request = milli(requests[resource]) || limit;
      if (request > 0 || limit > 0) anything = true;
      if (limit === 0 || request !== limit) guaranteed = false;
    }
  }
  if (!anything) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

/** Thousandths of a quantity; 0 when absent. */
export function milli(quantity: string | undefined): number {
  return quantity === undefined ? 0 : quantityMilli(quantity);
}

/** Changes when a container must be replaced because its definition changed. */
export function containerHash(container: Container): string {
  return createHash('sha256')
    .update(`${container.name}\0${container.image ?? ''}`)
    .digest('hex')
    .slice(0, 16);
}

export function graceSeconds(pod: Pod): number {
  return pod.metadata?.deletionGracePeriodSeconds ?? pod.spec?.terminationGracePeriodSeconds ?? 30;
}

/** Static pods come from files and exist only here. */
export const sourceAnnotation = 'kubernetes.io/config.source';

export function isStatic(pod: Pod): boolean {
  return pod.metadata?.annotations?.[sourceAnnotation] === 'file';
}
