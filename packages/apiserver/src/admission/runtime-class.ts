/**
 * RuntimeClass: a pod that names one gets its overhead, its node selector and its tolerations; what the pod says itself
 * must not contradict.
 */
import type { Pod, RuntimeClass, Toleration } from '@timonier/api';
import { sameTree } from '../storage/copy.ts';
import { cachedObject } from './cached.ts';
import { type AdmissionPlugin, refusal } from './request.ts';

export const runtimeClass: AdmissionPlugin = {
  name: 'RuntimeClass',
  operations: ['CREATE'],
  resources: ['/pods'],
  admit(request) {
    const { spec } = request.object as Pod;
    const name = spec?.runtimeClassName ?? '';
    if (spec === undefined || name === '') return;
    const found = cachedObject<RuntimeClass>(request.context.server, 'runtimeclasses', '', name);
    if (found === undefined) throw refusal(request, `pod rejected: RuntimeClass "${name}" not found`);
    const overhead = found.overhead?.podFixed;
    if (spec.overhead !== undefined && !sameTree(spec.overhead, overhead ?? {}))
      throw refusal(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
    if (overhead !== undefined) spec.overhead = { ...overhead };
    const { nodeSelector = {}, tolerations = [] } = found.scheduling ?? {};
    for (const [key, value] of Object.entries(nodeSelector)) {
      const own = spec.nodeSelector?.[key];
      if (own !== undefined && own !== value)
        throw refusal(
          request,
          `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
        );
    }
    if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector };
    const own = spec.tolerations ?? [];
    const added = tolerations.filter((wanted) => !own.some((known: Toleration) => sameTree(known, wanted)));
    if (added.length > 0) spec.tolerations = [...own, ...added];
  },
  /** What overhead there is, is looked at first. */
  validate(request) {
    const { runtimeClassName, overhead = {} } = (request.object as Pod).spec ?? {};
    if (!runtimeClassName && Object.keys(overhead).length > 0)
      throw refusal(
        request,
        'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
      );
  },
};
