/** The pod that a request for its output or for a connection means: its container, and where its kubelet listens. */
import { type Pod, storageKey } from '@timonier/api';
import { notFound, StatusError } from '@timonier/api/statuses';
import { kubeletAddress, type NodeAddress } from '../node-proxy/node-proxy.ts';
import { bad } from '../pipeline/query.ts';
import type { RequestContext } from '../request-context.ts';
import { freshEnough, readObject } from '../verbs/get.ts';

const defaultContainerAnnotation = 'kubectl.kubernetes.io/default-container';

export async function podOf(context: RequestContext): Promise<Pod> {
  await freshEnough(context, undefined);
  return (await readObject({ ...context })).object();
}

export function isPlaced({ spec }: Pod): boolean {
  return (spec?.nodeName ?? '') !== '';
}

/** Where the kubelet of a placed pod listens. Throws 404 when its node is not there. */
export function nodeOf({ server }: RequestContext, pod: Pod): NodeAddress {
  const nodeName = pod.spec?.nodeName ?? '';
  const nodes = server.registry.lookup('', 'v1', 'nodes');
  if (nodes === undefined) throw new Error('nodes are always served');
  const node = server.cache
    .resource(nodes.storagePrefix ?? '')
    .index.get(storageKey(nodes, undefined, nodeName, server.root));
  if (node === undefined) throw new StatusError(notFound(nodes, nodeName));
  return kubeletAddress(node.object());
}

/** The container a request means: the one named, the annotated default, or the only one. Throws 400. */
export function containerOf(pod: Pod, asked: string): string {
  const name = pod.metadata?.name ?? '';
  const regular = (pod.spec?.containers ?? []).map((container) => container.name);
  const all = [
    ...(pod.spec?.initContainers ?? []).map((container) => container.name),
    ...regular,
    ...(pod.spec?.ephemeralContainers ?? []).map((container) => container.name ?? ''),
  ];
  if (asked !== '') {
    if (all.includes(asked)) return asked;
    throw bad(`container ${asked} is not valid for pod ${name}`);
  }
  const annotated = pod.metadata?.annotations?.[defaultContainerAnnotation];
  if (annotated !== undefined && regular.includes(annotated)) return annotated;
  if (regular.length === 1 && regular[0] !== undefined) return regular[0];
  throw bad(`a container name must be specified for pod ${name}, choose one of: [${regular.join(' ')}]`);
}

/** A pod, or a container of it, as paths of the kubelet name it. */
export function kubeletPathOf(pod: Pod, container?: string): string {
  const parts = [pod.metadata?.namespace ?? '', pod.metadata?.name ?? ''];
  if (container !== undefined) parts.push(container);
  return parts.map(encodeURIComponent).join('/');
}
