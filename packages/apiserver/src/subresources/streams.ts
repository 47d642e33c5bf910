/** exec, attach and portforward: passed on to the pod's kubelet under the kubelet's own paths and parameters. */
import type { Pod } from '@timonier/api';
import { forbidden, StatusError } from '@timonier/api/statuses';
import type { Switching } from '../http/relay-upgrade.ts';
import { bad } from '../pipeline/query.ts';
import type { RequestContext } from '../request-context.ts';
import { admitConnection } from './connection.ts';
import { containerOf, isPlaced, kubeletPathOf, nodeOf, podOf } from './placed-pod.ts';

/** The API's names of a stream, and the kubelet's. */
const streamParameters = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' } as const;

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
    return `/portForward/${kubeletPathOf(pod)}?${query.toString()}`;
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
  return `/${subresource}/${kubeletPathOf(pod, container)}?${query.toString()}`;
}
