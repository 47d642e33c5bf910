/**
 * Pods: their first status and quality of service, and what upstream's default admission gives every pod: a service
 * account, a priority, and tolerations for a bounded time on a node that is not ready. The time is Timonier's: short,
 * because node loss is found in seconds here.
 */
import type { Container, Pod, PodSpec, Toleration } from '@timonier/api';
import { compareQuantities } from '@timonier/api/quantity';
import { takeEphemeralContainers, takeResources } from './pod-parts.ts';
import { mountToken } from './service-account-mount.ts';
import type { Strategy } from './strategy.ts';

const tolerationSeconds = 2;
const nodeFailureTaints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

export const podStrategy: Strategy = {
  subresources: { ephemeralcontainers: takeEphemeralContainers, resize: takeResources },
  prepareCreate(object, { server, target }) {
    const pod = object as unknown as Pod;
    const spec = pod.spec;
    if (spec === undefined) return;
    pod.status = { phase: 'Pending', qosClass: qualityOfService(spec) };
    // A mirror of a static pod is what its node says it is.
    if (pod.metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined) return;
    spec.serviceAccountName ??= 'default';
    spec.serviceAccount = spec.serviceAccountName;
    mountToken(pod, target.namespace, server);
    spec.priority ??= 0;
    spec.preemptionPolicy ??= 'PreemptLowerPriority';
    const tolerations = spec.tolerations ?? [];
    const added = nodeFailureTaints.filter((key) => !tolerations.some((known) => tolerates(known, key)));
    spec.tolerations = [
      ...tolerations,
      ...added.map((key): Toleration => ({
        key,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds,
      })),
    ];
  },
};

function tolerates(toleration: Toleration, key: string): boolean {
  const { effect = '' } = toleration;
  return (
    (toleration.key === key || (toleration.key ?? '') === '') && (effect === '' || effect === 'NoExecute')
  );
}

/** Guaranteed: every container limits cpu and memory and requests as much. BestEffort: none names either. */
export function qualityOfService(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers: readonly Container[] = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  let isGuaranteed = containers.length > 0;
  let isBestEffort = true;
  for (const { resources } of containers) {
    for (const name of ['cpu', 'memory']) {
      const limit = positive(resources?.limits?.[name]);
      const request = positive(resources?.requests?.[name]);
      if (limit !== undefined || request !== undefined) isBestEffort = false;
      if (limit === undefined || (request !== undefined && compareQuantities(request, limit) !== 0))
        isGuaranteed = false;
    }
  }
  return isBestEffort ? 'BestEffort' : isGuaranteed ? 'Guaranteed' : 'Burstable';
}

function positive(quantity: string | number | undefined): string | number | undefined {
  return quantity !== undefined && compareQuantities(quantity, '0') > 0 ? quantity : undefined;
}
