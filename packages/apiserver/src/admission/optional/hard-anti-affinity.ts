/**
 * LimitPodHardAntiAffinityTopology: a pod may keep others like it off its node, and off nothing larger: a hard demand for a
 * zone of its own would keep everybody else out of the zone.
 */
import type { Pod } from '@timonier/api';
import { type AdmissionPlugin, refusal } from '../request.ts';

const hostname = 'kubernetes.io/hostname';

export const limitHardAntiAffinity: AdmissionPlugin = {
  name: 'LimitPodHardAntiAffinityTopology',
  isOffByDefault: true,
  operations: ['CREATE', 'UPDATE'],
  resources: ['/pods'],
  validate(request) {
    const { affinity } = (request.object as unknown as Pod).spec ?? {};
    const terms = affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const other = terms.find(({ topologyKey }) => topologyKey !== hostname);
    if (other === undefined) return;
    throw refusal(
      request,
      `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${other.topologyKey} but only key ${hostname} is allowed`,
    );
  },
};
