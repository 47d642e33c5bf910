/**
 * proxy of pods, services and nodes: a request passed on to what listens there, and its answer back, both as streams.
 * The name in the path may carry a scheme and a port: `[scheme:]name[:port]`. Who the client is does not pass, and
 * certificates of pods are not checked: nobody here knows them.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { type ResourceInfo, storageKey } from '@timonier/api';
import type { Node, Pod, Service } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { notFound, serviceUnavailable, StatusError } from '@timonier/api/statuses';
import { readyOf } from '../aggregation/service-endpoint.ts';
import { type Changes, relay } from '../http/relay.ts';
import { relayUpgrade, type Switching } from '../http/relay-upgrade.ts';
import type { Upstream } from '../http/upstream.ts';
import { kubeletAddress } from '../node-proxy/node-proxy.ts';
import { destinationAt } from '../node-proxy/reachable.ts';
import { bad } from '../pipeline/query.ts';
import type { RequestContext } from '../request-context.ts';
import { freshEnough } from '../verbs/get.ts';
import { admitConnection } from './connection.ts';
import { linkThrough, pageThrough } from './proxied-links.ts';

interface Destination {
  readonly scheme: 'http' | 'https';
  readonly options: RequestOptions;
}

export async function proxy(context: RequestContext): Promise<void> {
  const { exchange } = context;
  const rest = pathBehind(context);
  await admitConnection(context, rest === '' ? {} : { path: rest });
  await freshEnough(context, undefined);
  const { upstream, host } = upstreamOf(context);
  if (rest === '' && (exchange.method === 'GET' || exchange.method === 'HEAD')) {
    exchange.statusCode = 301;
    exchange.response.writeHead(301, { location: `${exchange.url.pathname}/${exchange.url.search}` });
    exchange.response.end();
    return;
  }
  const { pathname, search } = exchange.url;
  const prefix = pathname.slice(0, pathname.length - rest.length);
  const ownHost = exchange.header('host') ?? exchange.header(':authority') ?? '';
  const links = { prefix, host, ownHost };
  const changes: Changes = {
    location: (link) => linkThrough(links, link),
    page: (answer) => pageThrough(links, answer),
  };
  await relay(exchange, upstream, `${rest || '/'}${search}`, { 'x-forwarded-uri': pathname }, changes);
}

/** Joins a connection that switches protocols, such as a WebSocket, with one of the pod, service or node. */
export async function proxyUpgrade(context: RequestContext, switching: Switching): Promise<void> {
  const rest = pathBehind(context);
  await admitConnection(context, rest === '' ? {} : { path: rest });
  await freshEnough(context, undefined);
  await relayUpgrade(switching, upstreamOf(context).upstream, `${rest || '/'}${context.exchange.url.search}`);
}

/** Where a request goes to, and what the program there calls itself. */
function upstreamOf(context: RequestContext): { readonly upstream: Upstream; readonly host: string } {
  const { scheme, options } = destinationOf(context);
  const request = scheme === 'https' ? httpsRequest : httpRequest;
  const name = options.host ?? '';
  const host = `${isIP(name) === 6 ? `[${name}]` : name}${options.port == null ? '' : `:${options.port}`}`;
  const upstream: Upstream = {
    open: (call) => request({ ...options, agent: false, ...call }),
    unreachable: (reason) => new StatusError(serviceUnavailable(`error trying to reach service: ${reason}`)),
  };
  return { upstream, host };
}

/** What stands behind `proxy` in the path, as it was written. */
function pathBehind({ exchange }: RequestContext): string {
  const match = /^\/api\/v1\/(?:namespaces\/[^/]+\/)?[^/]+\/[^/]+\/proxy(.*)$/s.exec(exchange.url.pathname);
  return match?.[1] ?? '';
}

function destinationOf(context: RequestContext): Destination {
  const { scheme, name, port } = partsOf(context);
  switch (context.target.info.resource) {
    case 'services':
      return { scheme, options: serviceOptions(context, name, port, scheme) };
    case 'pods':
      return { scheme, options: podOptions(context, name, port, scheme) };
    default: {
      const node = find(context, context.target.info, name) as Node;
      const { host, port: kubelet } = kubeletAddress(node);
      // A port that is not the kubelet's belongs to something that the cluster's authority says nothing about.
      if (port !== '' && Number(port) !== kubelet)
        return { scheme, options: { ...destinationAt(host), port: numberOf(port), ...unchecked(scheme) } };
      return { scheme: 'https', options: context.server.nodes.optionsFor({ host, port: kubelet }) };
    }
  }
}

function partsOf({ target }: RequestContext): { scheme: 'http' | 'https'; name: string; port: string } {
  const parts = target.name.split(':');
  const [scheme, name = '', port = ''] =
    parts.length === 3 ? parts : parts.length < 3 ? ['http', ...parts] : [];
  if ((scheme !== 'http' && scheme !== 'https' && scheme !== '') || name === '')
    throw bad(`invalid ${target.info.singular} request "${target.name}"`);
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port };
}

function find(context: RequestContext, info: ResourceInfo, name: string): ApiObject {
  const { server, target } = context;
  const key = storageKey(info, target.namespace, name, server.root);
  const stored = server.cache.resource(info.storagePrefix ?? '').index.get(key);
  if (stored === undefined) throw new StatusError(notFound(info, name));
  return stored.object();
}

function podOptions(context: RequestContext, name: string, port: string, scheme: string): RequestOptions {
  const pod = find(context, context.target.info, name) as unknown as Pod;
  const host = pod.status?.podIP ?? '';
  if (isIP(host) === 0) throw new StatusError(serviceUnavailable(`pod ${name} has no address yet`));
  const named = pod.spec?.containers.flatMap(({ ports }) => ports ?? []) ?? [];
  const chosen = port === '' ? named[0]?.containerPort : numberOf(port);
  return {
    ...destinationAt(host),
    ...(chosen === undefined ? {} : { port: chosen }),
    ...unchecked(scheme),
  };
}

function serviceOptions(context: RequestContext, name: string, port: string, scheme: string): RequestOptions {
  const { server, target } = context;
  const service = find(context, target.info, name) as unknown as Service;
  const ports = service.spec?.ports ?? [];
  const chosen =
    port === '' && ports.length === 1
      ? ports[0]
      : ports.find((one) => one.name === port || String(one.port) === port);
  if (chosen === undefined)
    throw new StatusError(serviceUnavailable(`no service port "${port}" found for service "${name}"`));
  const endpoints = readyOf(server, { namespace: target.namespace, name }, chosen.name ?? '');
  const endpoint = endpoints[Math.floor(Math.random() * endpoints.length)];
  if (endpoint === undefined)
    throw new StatusError(serviceUnavailable(`no endpoints available for service "${name}"`));
  return { ...destinationAt(endpoint.host), port: endpoint.port, ...unchecked(scheme) };
}

function unchecked(scheme: string): RequestOptions {
  return scheme === 'https' ? { rejectUnauthorized: false } : {};
}

function numberOf(port: string): number {
  const number = Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) throw bad(`invalid port "${port}"`);
  return number;
}
