/**
 * Clusters on plain virtual machines: nobody to ask about them, so what a node says of itself is what is known. A
 * machine is never declared gone here; whether it answers is the node lifecycle controller's business.
 */
import type { Node } from '@timonier/api';
import type { CloudProvider, InstanceMetadata } from './provider.ts';

export const plainVmProvider: CloudProvider = {
  name: 'plain-vm',
  instances: {
    exists: () => Promise.resolve(true),
    shutdown: () => Promise.resolve(false),
    metadata: (node) => Promise.resolve(metadataOf(node)),
  },
};

function metadataOf(node: Node): InstanceMetadata {
  const name = node.metadata?.name ?? '';
  const labels = node.metadata?.labels ?? {};
  const zone = labels['topology.kubernetes.io/zone'];
  const region = labels['topology.kubernetes.io/region'];
  return {
    providerId: `plain-vm://${name}`,
    instanceType: labels['node.kubernetes.io/instance-type'] ?? 'vm',
    addresses: (node.status?.addresses ?? []).map(({ type, address }) => ({ type, address })),
    ...(zone === undefined ? {} : { zone }),
    ...(region === undefined ? {} : { region }),
  };
}
