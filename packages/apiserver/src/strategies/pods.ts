/** Pods: their first status and quality of service. What a pod gets from its surroundings is admission's. */
import type { Container, Pod, PodSpec } from '@timonier/api';
import { compareQuantities } from '@timonier/api/quantity';
import { takeEphemeralContainers, takeResources } from './pod-parts.ts';
import type { Strategy } from './strategy.ts';

export const podStrategy: Strategy = {
  subresources: { ephemeralcontainers: takeEphemeralContainers, resize: takeResources },
  prepareCreate(object) {
    const pod = object as unknown as Pod;
    const spec = pod.spec;
    if (spec === undefined) return;
    pod.status = { phase: 'Pending', qosClass: qualityOfService(spec) };
  },
};

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
