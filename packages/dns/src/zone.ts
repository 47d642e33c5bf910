/**
 * What the cluster's zone answers, after the Kubernetes DNS-based service discovery specification 1.1: pure, over a
 * small view of Services and EndpointSlices. Names come in lower case and without the final dot.
 *
 * A name that exists without records of the asked type is `NOERROR` with no answers; a name under the zone that
 * does not exist is `NXDOMAIN`. A name outside the zone is not answered here (`undefined`).
 */
import { isIPv4 } from 'node:net';
import type { EndpointSlice, Service } from '@timonier/api';
import type { Answer } from 'dns-packet';

export interface ServiceView {
  service(namespace: string, name: string): Service | undefined;
  slices(namespace: string, name: string): readonly EndpointSlice[];
  hasNamespace(namespace: string): boolean;
  servicesByAddress(address: string): readonly Service[];
  slicesByAddress(address: string): readonly EndpointSlice[];
}

export interface ZoneAnswer {
  readonly code: 'NOERROR' | 'NXDOMAIN';
  readonly answers: readonly Answer[];
  readonly additionals: readonly Answer[];
}

export const ttlSeconds = 5;
const nothing: ZoneAnswer = { code: 'NOERROR', answers: [], additionals: [] };
const noSuchName: ZoneAnswer = { code: 'NXDOMAIN', answers: [], additionals: [] };
/** More endpoints than this do not fit into a sensible answer; a rotating part of them is given. */
const maxRecords = 100;

interface HostRecord {
  readonly host: string;
  readonly address: string;
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
}

export function resolve(view: ServiceView, zone: string, name: string, type: string): ZoneAnswer | undefined {
  if (name.endsWith('.in-addr.arpa')) return resolveReverse(view, zone, name, type);
  if (name !== zone && !name.endsWith(`.${zone}`)) return undefined;
  const labels = name === zone ? [] : name.slice(0, -zone.length - 1).split('.');
  const kind = labels.pop();
  if (kind === undefined) return nothing;
  if (kind === 'dns-version' && labels.length === 0) {
    return type === 'TXT' ? answer({ type: 'TXT', name, ttl: ttlSeconds, data: ['1.1.0'] }) : nothing;
  }
  if (kind === 'pod') return resolvePod(name, labels, type);
  if (kind !== 'svc') return noSuchName;
  const namespace = labels.pop();
  if (namespace === undefined) return nothing;
  const serviceName = labels.pop();
  if (serviceName === undefined) return view.hasNamespace(namespace) ? nothing : noSuchName;
  const service = view.service(namespace, serviceName);
  if (service?.spec === undefined) return noSuchName;
  return resolveService(view, service, `${serviceName}.${namespace}.svc.${zone}`, name, labels, type);
}

function resolveService(
  view: ServiceView,
  service: Service,
  serviceFqdn: string,
  name: string,
  labels: readonly string[],
  type: string,
): ZoneAnswer {
  const { namespace = '', name: serviceName = '' } = service.metadata ?? {};
  const spec = service.spec ?? {};
  if (spec.type === 'ExternalName') {
    if (labels.length > 0) return noSuchName;
    return answer({
      type: 'CNAME',
      name,
      ttl: ttlSeconds,
      data: (spec.externalName ?? '').replace(/\.$/, ''),
    });
  }
  const addresses = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((address) => isIPv4(address));
  const headless = addresses.length === 0;
  const hosts = (): HostRecord[] =>
    endpointHosts(view.slices(namespace, serviceName), spec.publishNotReadyAddresses === true);

  if (labels.length === 0) {
    if (!headless) return addressAnswer(name, addresses, type);
    const found = hosts();
    // A headless service without endpoints exists, and has nobody to name.
    return found.length === 0
      ? nothing
      : addressAnswer(
          name,
          found.map((host) => host.address),
          type,
        );
  }
  if (labels.length === 1 && headless) {
    const found = hosts().filter(({ host }) => host === labels[0]);
    return found.length === 0
      ? noSuchName
      : addressAnswer(
          name,
          found.map((host) => host.address),
          type,
        );
  }
  const [portLabel = '', protocolLabel = ''] = labels;
  if (labels.length !== 2 || !portLabel.startsWith('_') || !protocolLabel.startsWith('_')) return noSuchName;
  const wanted = { name: portLabel.slice(1), protocol: protocolLabel.slice(1) };
  const targets = headless
    ? hosts().flatMap((host) =>
        host.ports
          .filter((port) => port.name === wanted.name && port.protocol === wanted.protocol)
          .map(({ port }) => ({ target: `${host.host}.${serviceFqdn}`, port, addresses: [host.address] })),
      )
    : (spec.ports ?? [])
        .filter(
          (port) => port.name === wanted.name && (port.protocol ?? 'TCP').toLowerCase() === wanted.protocol,
        )
        .map(({ port }) => ({ target: serviceFqdn, port, addresses }));
  if (targets.length === 0) return noSuchName;
  if (type !== 'SRV' && type !== 'ANY') return nothing;
  const chosen = rotate(targets);
  return {
    code: 'NOERROR',
    answers: chosen.map(({ target, port }) => ({
      type: 'SRV',
      name,
      ttl: ttlSeconds,
      data: { priority: 0, weight: Math.max(1, Math.floor(100 / chosen.length)), port, target },
    })),
    additionals: chosen.flatMap(({ target, addresses: list }) =>
      list.map((data): Answer => ({ type: 'A', name: target, ttl: ttlSeconds, data })),
    ),
  };
}

/** `10-244-1-7.NAMESPACE.pod`: the address is in the name. */
function resolvePod(name: string, labels: readonly string[], type: string): ZoneAnswer {
  if (labels.length < 2) return nothing;
  const address = (labels[0] ?? '').replaceAll('-', '.');
  if (labels.length > 2 || !isIPv4(address)) return noSuchName;
  return addressAnswer(name, [address], type);
}

function resolveReverse(view: ServiceView, zone: string, name: string, type: string): ZoneAnswer | undefined {
  const address = name.slice(0, -'.in-addr.arpa'.length).split('.').reverse().join('.');
  if (!isIPv4(address)) return undefined;
  const names = view
    .servicesByAddress(address)
    .map(({ metadata }) => `${metadata?.name ?? ''}.${metadata?.namespace ?? ''}.svc.${zone}`);
  for (const slice of view.slicesByAddress(address)) {
    const service = slice.metadata?.labels?.['kubernetes.io/service-name'];
    if (service === undefined) continue;
    for (const { host, address: own } of endpointHosts([slice], true)) {
      if (own === address) names.push(`${host}.${service}.${slice.metadata?.namespace ?? ''}.svc.${zone}`);
    }
  }
  if (names.length === 0) return undefined;
  if (type !== 'PTR' && type !== 'ANY') return nothing;
  const unique = [...new Set(names)].slice(0, maxRecords);
  return {
    code: 'NOERROR',
    answers: unique.map((data) => ({ type: 'PTR', name, ttl: ttlSeconds, data })),
    additionals: [],
  };
}

function endpointHosts(slices: readonly EndpointSlice[], withNotReady: boolean): HostRecord[] {
  const hosts = new Map<string, HostRecord>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const ports = (slice.ports ?? []).flatMap(({ name = '', protocol = 'TCP', port }) =>
      port === undefined || port === null ? [] : [{ name, protocol: protocol.toLowerCase(), port }],
    );
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false && !withNotReady) continue;
      for (const address of endpoint.addresses) {
        const host = endpoint.hostname ?? address.replaceAll('.', '-');
        hosts.set(`${host} ${address}`, { host, address, ports });
      }
    }
  }
  return [...hosts.values()];
}

function addressAnswer(name: string, addresses: readonly string[], type: string): ZoneAnswer {
  if (type !== 'A' && type !== 'ANY') return nothing;
  return {
    code: 'NOERROR',
    answers: rotate([...new Set(addresses)]).map((data) => ({ type: 'A', name, ttl: ttlSeconds, data })),
    additionals: [],
  };
}

function answer(record: Answer): ZoneAnswer {
  return { code: 'NOERROR', answers: [record], additionals: [] };
}

/** Starts the list anywhere, so that clients which take the first record spread. */
function rotate<T>(list: readonly T[]): T[] {
  const start = Math.floor(Math.random() * list.length);
  return [...list.slice(start), ...list.slice(0, start)].slice(0, maxRecords);
}
