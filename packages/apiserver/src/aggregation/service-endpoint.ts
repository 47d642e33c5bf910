/**
 * Where a Service's pods listen. The API server resolves Services itself, from its watch cache: it must reach webhooks
 * and secondary API servers also where no proxy programs the Services' addresses.
 */
import { type EndpointSlice, type Service, storageKey } from '@timonier/api';
import { serviceUnavailable, StatusError } from '@timonier/api/statuses';
import type { ServerState } from '../server-state.ts';
import { rangeEnd } from '../storage/keys.ts';

export interface ServiceTarget {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

const serviceLabel = 'kubernetes.io/service-name';

/** The name that the certificate of a Service must be for. */
export function serverNameOf({ namespace, name }: ServiceTarget): string {
  return `${name}.${namespace}.svc`;
}

/** The endpoints of a Service that are ready. Throws 503 with what is missing. */
export function endpointsOf(
  server: Pick<ServerState, 'registry' | 'cache' | 'root'>,
  target: ServiceTarget,
): readonly Endpoint[] {
  const service = readService(server, target);
  const { type, externalName, ports = [], clusterIP } = service.spec ?? {};
  if (type === 'ExternalName') return [{ host: externalName ?? '', port: target.port }];
  const port = ports.find((candidate) => candidate.port === target.port);
  if (port === undefined)
    throw unavailable(target, `no service port ${target.port} found for service "${target.name}"`);
  const found = readyOf(server, target, port.name ?? '');
  if (found.length > 0) return found;
  // The cluster address of a Service without pods is for whoever looks after it.
  if (
    service.spec?.selector === undefined &&
    clusterIP &&
    clusterIP !== 'None' &&
    slicesOf(server, target).length === 0
  )
    return [{ host: clusterIP, port: target.port }];
  throw unavailable(target, `no endpoints available for service "${target.name}"`);
}

/** Only what the slices of a Service name, for requests that a client sends through this server. */
export function readyOf(
  server: Pick<ServerState, 'registry' | 'cache' | 'root'>,
  target: Pick<ServiceTarget, 'namespace' | 'name'>,
  portName: string,
): readonly Endpoint[] {
  return slicesOf(server, target).flatMap((slice) => readyEndpoints(slice, portName));
}

function readService(
  server: Pick<ServerState, 'registry' | 'cache' | 'root'>,
  target: ServiceTarget,
): Service {
  const info = server.registry.lookup('', 'v1', 'services');
  const stored =
    info === undefined
      ? undefined
      : server.cache
          .resource(info.storagePrefix ?? '')
          .index.get(storageKey(info, target.namespace, target.name, server.root));
  if (stored === undefined) throw unavailable(target, `service "${target.name}" not found`);
  return stored.object();
}

function slicesOf(
  server: Pick<ServerState, 'registry' | 'cache' | 'root'>,
  { namespace, name }: Pick<ServiceTarget, 'namespace' | 'name'>,
): readonly EndpointSlice[] {
  const info = server.registry.lookup('discovery.k8s.io', 'v1', 'endpointslices');
  if (info === undefined) return [];
  const prefix = storageKey(info, namespace, undefined, server.root);
  return server.cache
    .resource(info.storagePrefix ?? '')
    .index.getRange(prefix, rangeEnd(prefix))
    .filter(([, stored]) => stored.json.includes(`"${serviceLabel}":${JSON.stringify(name)}`))
    .map(([, stored]) => stored.object() as unknown as EndpointSlice)
    .filter(({ metadata }) => metadata?.labels?.[serviceLabel] === name);
}

function readyEndpoints({ endpoints = [], ports = [] }: EndpointSlice, portName: string): Endpoint[] {
  const port = ports.find(({ name }) => (name ?? '') === portName)?.port;
  if (port === undefined) return [];
  return endpoints
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses.slice(0, 1).map((host) => ({ host, port })));
}

function unavailable({ namespace, name }: ServiceTarget, text: string): StatusError {
  return new StatusError(serviceUnavailable(`service ${namespace}/${name}: ${text}`));
}
