/** The quality of service of a pod, as upstream works it out: it says who is evicted first, and which quotas count. */
import type { Container, PodSpec } from './generated/types.ts';
import { compareQuantities } from './quantity.ts';

/** Guaranteed: every container limits cpu and memory and requests as much. BestEffort: none names either. */
export function qualityOfService(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers: readonly Pick<Container, 'resources'>[] =
    spec.resources === undefined
      ? [...(spec.containers ?? []), ...(spec.initContainers ?? [])]
      : // What the pod says as a whole decides alone.
        [{ resources: spec.resources }];
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
