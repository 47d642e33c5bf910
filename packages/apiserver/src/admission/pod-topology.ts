/**
 * PodTopologyLabels: a pod that is bound to a node gets the node's zone and region as labels of its own, so that what runs
 * in it can be told by the downward API where it is. Carried out by the binding, which knows both; a pod that is made for a node
 * gets them at once, whatever it says itself.
 */
import type { Node, Pod } from '@timonier/api';
import type { ServerState } from '../server-state.ts';
import { cachedObject } from './cached.ts';
import type { AdmissionPlugin } from './request.ts';

const copied = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

export const podTopologyLabels: AdmissionPlugin = {
  name: 'PodTopologyLabels',
  operations: ['CREATE'],
  resources: ['/pods', '/pods/binding'],
  admit({ object, context }) {
    const pod = object as Pod;
    const node = pod.spec?.nodeName ?? '';
    if (context.target.subresource !== '' || node === '') return;
    const ofNode = labelsFromNode(context.server, node);
    if (Object.keys(ofNode).length === 0) return;
    const metadata = (pod.metadata ??= {});
    metadata.labels = { ...metadata.labels, ...ofNode };
  },
};

/** What a binding to a node adds to a pod's labels; nothing when the node is not known. */
export function labelsFromNode(server: ServerState, node: string): Readonly<Record<string, string>> {
  const labels = cachedObject<Node>(server, 'minions', '', node)?.metadata?.labels ?? {};
  return Object.fromEntries(
    copied.flatMap((name) => (labels[name] === undefined ? [] : [[name, labels[name]]])),
  );
}
