/**
 * log, exec, attach and portforward: finds the pod's node and container, and passes the request on to the kubelet
 * under the kubelet's own paths and parameters.
 */
import { storageKey } from '@timonier/api';
import type { Pod } from '@timonier/api';
import { forbidden, notFound, StatusError } from '@timonier/api/statuses';
import { kubeletAddress, type NodeAddress } from '../node-proxy/node-proxy.ts';
import type { Switching } from '../http/relay.ts';
import { bad } from '../pipeline/query.ts';
import type { RequestContext } from '../request-context.ts';
import { freshEnough, readObject } from '../verbs/get.ts';
import { admitConnection } from './connection.ts';

const defaultContainerAnnotation = 'kubectl.kubernetes.io/default-container';
const logParameters = [
  'follow',
  'limitBytes',
  'previous',
  'sinceSeconds',
  'sinceTime',
  'stream',
  'tailLines',
  'timestamps',
];
/** The API's names of a stream, and the kubelet's. */
const streamParameters = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' } as const;

export async function log(context: RequestContext): Promise<void> {
  const { exchange, server } = context;
  const pod = await podOf(context);
  const container = containerOf(pod, exchange.query.get('container') ?? '');
  if (!isPlaced(pod)) {
    // Where it does not run yet it has said nothing yet.
    exchange.statusCode = 204;
    exchange.response.writeHead(204, { ...exchange.headers });
    exchange.response.end();
    return;
  }
  const node = nodeOf(context, pod);
  const query = new URLSearchParams();
  for (const name of logParameters) {
    const value = exchange.query.get(name);
    if (value !== null) query.set(name, value);
  }
  const path = `/containerLogs/${pathOf(pod, container)}?${query.toString()}`;
  const response = await server.nodes.get(node, path, exchange.signal);
  exchange.startStream(200, 'text/plain');
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (exchange.signal.aborted) break;
      exchange.sentBytes += chunk.length;
      if (!exchange.response.write(chunk)) await exchange.drained();
    }
  } finally {
    response.destroy();
    exchange.response.end();
  }
}

/** What is no upgrade is judged all the same, and then has nothing to say. Throws always. */
export async function connectPlainly(context: RequestContext): Promise<void> {
  await admitConnection(context, parametersOf(context));
  await mustBeAllowedToCreate(context);
  const pod = await podOf(context);
  if (!isPlaced(pod)) throw bad(`pod ${pod.metadata?.name} does not have a host assigned`);
  throw bad('Upgrade request required');
}

/** Joins an upgraded connection with the kubelet's. Throws before that when the request is no good. */
export async function connect(context: RequestContext, switching: Switching): Promise<void> {
  const { exchange, server, target } = context;
  await admitConnection(context, parametersOf(context));
  await mustBeAllowedToCreate(context);
  const pod = await podOf(context);
  if (!isPlaced(pod)) throw bad(`pod ${pod.metadata?.name} does not have a host assigned`);
  const node = nodeOf(context, pod);
  await server.nodes.upgrade(node, connectPath(pod, target.subresource, exchange.query), switching);
}

/** Who may only read may run nothing, although a WebSocket begins with a GET. Throws 403. */
async function mustBeAllowedToCreate({ server, exchange, user, target }: RequestContext): Promise<void> {
  if (target.verb === 'create') return;
  const { info, namespace, name, subresource } = target;
  const { verdict, reason } = await server.authorizer.decide(user, {
    path: exchange.url.pathname,
    verb: 'create',
    group: info.group,
    version: info.version,
    resource: info.resource,
    namespace,
    name,
    subresource,
  });
  if (verdict !== 'allow') throw new StatusError(forbidden(info, name, reason));
}

/** What a client says of the stream that it wants. */
function parametersOf({ exchange, target }: RequestContext): Record<string, unknown> {
  const { query } = exchange;
  const flags = target.subresource === 'portforward' ? [] : Object.keys(streamParameters);
  const object: Record<string, unknown> = {};
  for (const name of flags) if (['true', '1'].includes(query.get(name) ?? '')) object[name] = true;
  const container = query.get('container') ?? '';
  if (container !== '') object['container'] = container;
  const [command, ports] = [query.getAll('command'), query.getAll('ports').map(Number)];
  if (command.length > 0) object['command'] = command;
  if (ports.length > 0) object['ports'] = ports;
  return object;
}

/** The kubelet's path for a stream of a pod. Throws 400. */
export function connectPath(pod: Pod, subresource: string, asked: URLSearchParams): string {
  const query = new URLSearchParams();
  if (subresource === 'portforward') {
    for (const port of asked.getAll('ports')) query.append('port', port);
    return `/portForward/${pathOf(pod)}?${query.toString()}`;
  }
  for (const [name, kubeletName] of Object.entries(streamParameters)) {
    const value = asked.get(name);
    if (value === 'true' || value === '1') query.set(kubeletName, '1');
  }
  if (subresource === 'exec') {
    const command = asked.getAll('command');
    if (command.length === 0) throw bad('you must specify at least 1 command for the container');
    for (const word of command) query.append('command', word);
  }
  const container = containerOf(pod, asked.get('container') ?? '');
  return `/${subresource}/${pathOf(pod, container)}?${query.toString()}`;
}

async function podOf(context: RequestContext): Promise<Pod> {
  await freshEnough(context, undefined);
  return (await readObject({ ...context })).object();
}

function isPlaced({ spec }: Pod): boolean {
  return (spec?.nodeName ?? '') !== '';
}

/** Where the kubelet of a placed pod listens. Throws 404 when its node is not there. */
function nodeOf({ server }: RequestContext, pod: Pod): NodeAddress {
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

function pathOf(pod: Pod, container?: string): string {
  const parts = [pod.metadata?.namespace ?? '', pod.metadata?.name ?? ''];
  if (container !== undefined) parts.push(container);
  return parts.map(encodeURIComponent).join('/');
}
