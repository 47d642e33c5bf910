/** What operators may say of plugins, by flags and by a file, and what holds when they say nothing. */
import { type TolerationSeconds, usualTolerationSeconds } from './default-tolerations.ts';
import type { EventLimit } from './optional/event-rates.ts';
import type { ImagePolicySettings } from './optional/image-policy.ts';
import { type NodeSelectorSettings, usualNodeSelectors } from './optional/pod-node-selector.ts';
import { type TolerationSettings, usualTolerations } from './optional/pod-tolerations.ts';
import { type PodSecuritySettings, usualPodSecurity } from './pod-security/settings.ts';

export interface AdmissionSettings {
  readonly tolerationSeconds: TolerationSeconds;
  readonly podSecurity: PodSecuritySettings;
  readonly nodeSelectors: NodeSelectorSettings;
  readonly tolerations: TolerationSettings;
  readonly eventLimits: readonly EventLimit[];
  /** Undefined where nobody was named to ask: the plugin is not switched on then. */
  readonly imagePolicy: ImagePolicySettings | undefined;
}

export const usualSettings: AdmissionSettings = {
  tolerationSeconds: usualTolerationSeconds,
  podSecurity: usualPodSecurity,
  nodeSelectors: usualNodeSelectors,
  tolerations: usualTolerations,
  eventLimits: [],
  imagePolicy: undefined,
};
