/**
 * PodTopologyLabels: a pod that is bound to a node gets the node's zone and region as labels of its own, so that what runs
 * in it can be told by the downward API where it is. Carried out by the binding, which knows both.
 */
import type { Node } from '@timonier/api';
import type { ServerState } from '../server-state.ts';
import { cachedObject } from './cached.ts';
import type { AdmissionPlugin } from './request.ts';

const copied = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

export const podTopologyLabels: AdmissionPlugin = {
  name: 'PodTopologyLabels',
  operations: ['CREATE'],
  resources: ['/pods/binding'],
};

/** What a binding to a node adds to a pod's labels; nothing when the node is not known. */
export function labelsFromNode(server: ServerState, node: string): Readonly<Record<string, string>> {
  const labels = cachedObject<Node>(server, 'minions', '', node)?.metadata?.labels ?? {};
  return Object.fromEntries(
    copied.flatMap((name) => (labels[name] === undefined ? [] : [[name, labels[name]]])),
  );
}
