/** Pods: their first status and quality of service. What a pod gets from its surroundings is admission's. */
import type { Pod } from '@timonier/api';
import { qualityOfService } from '@timonier/api/pod-quality';
import { timestamp } from '../timestamp.ts';
import { takeProfiles } from './app-armor.ts';
import { takeEphemeralContainers, takeResources } from './pod-parts.ts';
import { mergeLabelKeys } from './pod-label-keys.ts';
import type { Strategy } from './strategy.ts';

export const podStrategy: Strategy = {
  keepsStatusOnCreate: true,
  subresources: { ephemeralcontainers: takeEphemeralContainers, resize: takeResources },
  prepareCreate(object, { server, warn }) {
    const pod = object as unknown as Pod;
    const spec = pod.spec;
    if (spec === undefined) return;
    if ((spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1;
    takeProfiles(pod, warn);
    mergeLabelKeys(spec, pod.metadata?.labels ?? {});
    // Who makes a pod may say its quality, as upstream lets them.
    pod.status = { phase: 'Pending', qosClass: pod.status?.qosClass || qualityOfService(spec) };
    // The scheduler does not look at a pod with gates: nobody else would say why it waits.
    if ((spec.schedulingGates ?? []).length > 0)
      pod.status.conditions = [
        {
          type: 'PodScheduled',
          status: 'False',
          lastTransitionTime: timestamp(server.now()),
          reason: 'SchedulingGated',
          message: 'Scheduling is blocked due to non-empty scheduling gates',
        },
      ];
  },
};
