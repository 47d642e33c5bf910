/** Which plugins a scheduler runs and how much each score weighs; `default-scheduler` unless configured. */
import { interPodAffinity } from './plugins/company.ts';
import {
  nodeAffinity,
  nodeName,
  nodePorts,
  nodeUnschedulable,
  taintToleration,
} from './plugins/placement.ts';
import type { Plugin } from './plugins/plugin.ts';
import { nodeResourcesBalancedAllocation, nodeResourcesFit } from './plugins/resources.ts';
import { podTopologySpread } from './plugins/spread.ts';

export interface ProfileEntry {
  readonly name: string;
  /** Of its score; 0 leaves the plugin's other points on. */
  readonly weight: number;
}

/** Plain data, so that it can come from a configuration file. */
export interface ProfileData {
  readonly schedulerName: string;
  readonly plugins: readonly ProfileEntry[];
}

export interface Profile {
  readonly schedulerName: string;
  readonly plugins: readonly { readonly plugin: Plugin; readonly weight: number }[];
}

const knownPlugins: readonly Plugin[] = [
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  podTopologySpread,
  interPodAffinity,
  nodeResourcesBalancedAllocation,
];

export const defaultProfile: ProfileData = {
  schedulerName: 'default-scheduler',
  plugins: [
    { name: 'NodeUnschedulable', weight: 0 },
    { name: 'NodeName', weight: 0 },
    { name: 'TaintToleration', weight: 3 },
    { name: 'NodeAffinity', weight: 2 },
    { name: 'NodePorts', weight: 0 },
    { name: 'NodeResourcesFit', weight: 1 },
    { name: 'PodTopologySpread', weight: 2 },
    { name: 'InterPodAffinity', weight: 0 },
    { name: 'NodeResourcesBalancedAllocation', weight: 1 },
  ],
};

/** Throws when the data names a plugin that does not exist, with the ones that do. */
export function loadProfile(data: ProfileData, extra: readonly Plugin[] = []): Profile {
  const available = new Map([...knownPlugins, ...extra].map((plugin) => [plugin.name, plugin]));
  return {
    schedulerName: data.schedulerName,
    plugins: data.plugins.map(({ name, weight }) => {
      const plugin = available.get(name);
      if (plugin === undefined) {
        throw new Error(
          `scheduler plugin "${name}" is unknown; there are ${[...available.keys()].join(', ')}`,
        );
      }
      return { plugin, weight };
    }),
  };
}
