/**
 * The Node of a master is labelled as one when it is registered. Its kubelet may not say so itself: by labels of
 * Kubernetes' own a node could draw workloads to itself (NodeRestriction). Who takes the label off has it off.
 */
import type { Strategy } from './strategy.ts';

const roleLabel = 'node-role.kubernetes.io/control-plane';

export const nodeStrategy: Strategy = {
  keepsStatusOnCreate: true,
  prepareCreate({ metadata }, { server }) {
    if (metadata === undefined || !server.masters.has(metadata.name ?? '')) return;
    metadata.labels = { [roleLabel]: '', ...metadata.labels };
  },
};
