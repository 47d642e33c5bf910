/** The cluster's own word on pod security: policies of namespaces that say nothing, and who is not asked. */
import type { Labels } from './policy.ts';

export interface PodSecuritySettings {
  /** As labels of a namespace, without their prefix: `enforce`, `enforce-version` and so on. */
  readonly defaults: Labels;
  readonly exempt: {
    readonly usernames: ReadonlySet<string>;
    readonly namespaces: ReadonlySet<string>;
    readonly runtimeClasses: ReadonlySet<string>;
  };
}

export const usualPodSecurity: PodSecuritySettings = {
  defaults: {},
  exempt: { usernames: new Set(), namespaces: new Set(), runtimeClasses: new Set() },
};
