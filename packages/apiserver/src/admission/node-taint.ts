/**
 * TaintNodesByCondition: a new node takes no pods until somebody has seen it ready. Without the taint there would be a
 * moment between its creation and its controller's first look in which the scheduler trusts it. The node's controller
 * takes the taint off.
 */
import type { Node } from '@timonier/api';
import type { AdmissionPlugin } from './request.ts';

const notReady = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' } as const;

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  operations: ['CREATE'],
  resources: ['/nodes'],
  admit({ object }) {
    const node = object as Node;
    const taints = node.spec?.taints ?? [];
    if (taints.some(({ key, effect }) => key === notReady.key && effect === notReady.effect)) return;
    node.spec = { ...node.spec, taints: [...taints, { ...notReady }] };
  },
};
