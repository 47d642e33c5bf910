/** PodResizeValidator: a running pod asks for no more than its node can ever give, and only where nodes can resize. */
import type { Node, Pod } from '@timonier/api';
import { podRequests } from '@timonier/api/pod-resources';
import { quantityMilli, quantityValue } from '@timonier/api/quantity';
import { StatusError } from '@timonier/api/statuses';
import { cachedObject } from './cached.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './request.ts';

const osLabel = 'kubernetes.io/os';

export const podResize: AdmissionPlugin = {
  name: 'PodResizeValidator',
  operations: ['UPDATE'],
  resources: ['/pods/resize'],
  validate(request) {
    const pod = request.object as unknown as Pod;
    const name = pod.spec?.nodeName ?? '';
    if (name === '' || pod.metadata?.generation === request.old?.metadata?.generation) return;
    const node = cachedObject<Node>(request.context.server, 'minions', '', name);
    if (node === undefined) throw refusal(request, `node ${JSON.stringify(name)} not found`);
    // A node that does not say runs Linux.
    const os = node.metadata?.labels?.[osLabel] ?? 'linux';
    if (os !== 'linux')
      throw refusalBecause(
        'UnsupportedPlatform',
        request,
        `pod resize is only supported on linux nodes, node ${JSON.stringify(name)} is ${JSON.stringify(os)}`,
      );
    const lacking = beyondNode(pod, node);
    if (lacking.length > 0)
      throw refusalBecause(
        'NodeCapacity',
        request,
        `node didn't have enough allocatable resources: ${lacking.join('; ')}`,
      );
  },
};

/** With a cause that programs can read. */
function refusalBecause(reason: string, request: AdmissionRequest, detail: string): StatusError {
  const { status } = refusal(request, detail);
  return new StatusError({ ...status, details: { ...status.details, causes: [{ reason }] } });
}

/** What the pod asks for and its node does not have: thousandths of processors, bytes. */
function beyondNode(pod: Pod, { status }: Readonly<Node>): string[] {
  // Only what is asked for: what the pod still holds is no reason to refuse less.
  const wanted = podRequests({ ...pod, status: {} });
  const units = { cpu: quantityMilli, memory: quantityValue };
  return (['cpu', 'memory'] as const).flatMap((resource) => {
    const requested = units[resource](wanted[resource]);
    const allocatable = units[resource](status?.allocatable?.[resource]);
    return requested > allocatable
      ? [`${resource}, requested: ${requested}, allocatable: ${allocatable}`]
      : [];
  });
}
