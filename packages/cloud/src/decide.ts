/** What a node needs from the cloud's side: its identity, its labels, and the end of the taint that waits for them. Pure. */
import type { Node } from '@timonier/api';
import type { InstanceMetadata } from './provider.ts';

export const uninitializedTaint = 'node.cloudprovider.kubernetes.io/uninitialized';

/** The node as it should be, or undefined when it is. A provider id, once set, is never changed. */
export function decide(node: Node, instance: InstanceMetadata): Node | undefined {
  const labels: Record<string, string> = { ...node.metadata?.labels };
  labels['node.kubernetes.io/instance-type'] ??= instance.instanceType;
  if (instance.zone !== undefined) labels['topology.kubernetes.io/zone'] = instance.zone;
  if (instance.region !== undefined) labels['topology.kubernetes.io/region'] = instance.region;
  const taints = (node.spec?.taints ?? []).filter(({ key }) => key !== uninitializedTaint);
  const providerID = node.spec?.providerID ?? '';
  const unchanged =
    providerID !== '' &&
    taints.length === (node.spec?.taints ?? []).length &&
    Object.entries(labels).every(([key, value]) => node.metadata?.labels?.[key] === value);
  if (unchanged) return undefined;
  return {
    ...node,
    metadata: { ...node.metadata, labels },
    spec: { ...node.spec, providerID: providerID === '' ? instance.providerId : providerID, taints },
  };
}
