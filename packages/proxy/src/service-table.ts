/**
 * What the proxy must program, computed from Services and EndpointSlices: pure, no nft syntax beyond set elements.
 *
 * In: all services and slices, and which node this is. Out: the elements of a fixed family of nftables maps and
 * sets (see `ruleset.ts`). Every endpoint of a service port has a numbered slot; a packet draws a slot number into
 * its mark, and one lookup keyed `address . protocol . port . mark` finds the endpoint. So the number of chains
 * depends on how many distinct endpoint counts exist and never on how many services exist.
 *
 * Invariant: the result is a function of the input alone, ordered by name, so equal inputs give equal rules and a
 * difference of two results is exactly what has to change in the kernel.
 */
import { isIPv4 } from 'node:net';
import type { EndpointSlice, Service } from '@timonier/api';

export const setNames = [
  'services',
  'endpoints',
  'node_services',
  'node_local_services',
  'node_endpoints',
  'node_reject',
  'cluster_ips',
  'hairpin',
] as const;
export type SetName = (typeof setNames)[number];

/** Elements of each map (`key → value`) and set (`key → ''`). */
export type ServiceTable = Readonly<Record<SetName, ReadonlyMap<string, string>>>;

/** Slots are drawn into the lower half of the mark; the upper half says how the connection is to be treated. */
export const markClusterwide = 0x5449_0000;
/** Connections that must keep their source address (externalTrafficPolicy: Local). */
export const markKeepSource = 0x544a_0000;
const maxSlots = 0x1_0000;

interface Backend {
  readonly address: string;
  readonly port: number;
  readonly nodeName: string | undefined;
}

interface PortBackends {
  readonly ready: readonly Backend[];
  /** Shutting down but still serving: used only while nothing is ready. */
  readonly draining: readonly Backend[];
}

export function compileServiceTable(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  nodeName: string,
): ServiceTable {
  const table: Record<SetName, Map<string, string>> = {
    services: new Map(),
    endpoints: new Map(),
    node_services: new Map(),
    node_local_services: new Map(),
    node_endpoints: new Map(),
    node_reject: new Map(),
    cluster_ips: new Map(),
    hairpin: new Map(),
  };
  const byService = groupSlices(slices);
  const ordered = services
    .map((service) => ({ service, name: serviceKey(service) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { service, name } of ordered) addService(table, service, byService.get(name) ?? [], nodeName);
  return table;
}

function addService(
  table: Record<SetName, Map<string, string>>,
  service: Service,
  slices: readonly EndpointSlice[],
  nodeName: string,
): void {
  const spec = service.spec;
  if (spec === undefined || spec.type === 'ExternalName') return;
  const addresses = clusterAddresses(service);
  if (addresses.length === 0) return;
  const external = externalAddresses(service);
  const drawing = spec.sessionAffinity === 'ClientIP' ? 'hash' : 'any';
  const keepSource = spec.externalTrafficPolicy === 'Local';
  for (const address of [...addresses, ...external]) table.cluster_ips.set(address, '');

  for (const port of spec.ports ?? []) {
    const protocol = (port.protocol ?? 'TCP').toLowerCase();
    const backends = usable(collectBackends(slices, port.name ?? '', protocol));
    const local = backends.filter((backend) => backend.nodeName === nodeName);
    for (const backend of local) table.hairpin.set(`${backend.address} . ${backend.address}`, '');

    const inside = spec.internalTrafficPolicy === 'Local' ? local : backends;
    for (const address of addresses) {
      const key = `${address} . ${protocol} . ${port.port}`;
      addTarget(table.services, table.endpoints, key, drawing, markClusterwide, inside, backends.length > 0);
    }
    for (const address of external) {
      const key = `${address} . ${protocol} . ${port.port}`;
      const chosen = keepSource ? local : backends;
      const mark = keepSource ? markKeepSource : markClusterwide;
      addTarget(table.services, table.endpoints, key, drawing, mark, chosen, backends.length > 0);
    }
    if (port.nodePort === undefined || port.nodePort === 0) continue;
    const key = `${protocol} . ${port.nodePort}`;
    if (backends.length === 0) table.node_reject.set(key, '');
    addTarget(
      table.node_services,
      table.node_endpoints,
      key,
      `node_${drawing}`,
      markClusterwide,
      backends,
      false,
    );
    if (!keepSource) continue;
    addTarget(
      table.node_local_services,
      table.node_endpoints,
      key,
      `node_${drawing}`,
      markKeepSource,
      local,
      backends.length > 0,
    );
  }
}

/** Adds one dispatch entry and its endpoints; nothing to choose from means `drop` when others do have endpoints. */
function addTarget(
  dispatch: Map<string, string>,
  endpoints: Map<string, string>,
  key: string,
  drawing: string,
  mark: number,
  backends: readonly Backend[],
  dropWhenEmpty: boolean,
): void {
  // The first service by name wins an address that two of them claim.
  if (dispatch.has(key)) return;
  if (backends.length === 0) {
    if (dropWhenEmpty) dispatch.set(key, 'drop');
    return;
  }
  const chosen = backends.slice(0, maxSlots);
  dispatch.set(key, `goto ${chainName(drawing, mark, chosen.length)}`);
  for (const [slot, backend] of chosen.entries()) {
    endpoints.set(`${key} . 0x${(mark + slot).toString(16)}`, `${backend.address} . ${backend.port}`);
  }
}

export function chainName(drawing: string, mark: number, count: number): string {
  return `${drawing}_${mark === markKeepSource ? 'keep' : 'masq'}_${count}`;
}

function usable(backends: PortBackends): readonly Backend[] {
  return backends.ready.length > 0 ? backends.ready : backends.draining;
}

function collectBackends(slices: readonly EndpointSlice[], portName: string, protocol: string): PortBackends {
  const ready = new Map<string, Backend>();
  const draining = new Map<string, Backend>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const port = (slice.ports ?? []).find(
      (candidate) =>
        (candidate.name ?? '') === portName && (candidate.protocol ?? 'TCP').toLowerCase() === protocol,
    );
    if (port?.port === undefined || port.port === null) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const address = endpoint.addresses?.[0];
      if (address === undefined || !isIPv4(address)) continue;
      const backend: Backend = { address, port: port.port, nodeName: endpoint.nodeName };
      const key = `${address}:${port.port}`;
      if (endpoint.conditions?.ready !== false) ready.set(key, backend);
      else if (endpoint.conditions.serving === true) draining.set(key, backend);
    }
  }
  const sorted = (map: ReadonlyMap<string, Backend>): Backend[] =>
    [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, backend]) => backend);
  return { ready: sorted(ready), draining: sorted(draining) };
}

function groupSlices(slices: readonly EndpointSlice[]): Map<string, EndpointSlice[]> {
  const groups = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const name = slice.metadata?.labels?.['kubernetes.io/service-name'];
    if (name === undefined) continue;
    const key = `${slice.metadata?.namespace ?? ''}/${name}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [slice]);
    else group.push(slice);
  }
  return groups;
}

function serviceKey(service: Service): string {
  return `${service.metadata?.namespace ?? ''}/${service.metadata?.name ?? ''}`;
}

function clusterAddresses(service: Service): string[] {
  const spec = service.spec;
  const all = spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP]);
  return all.filter((address) => isIPv4(address));
}

function externalAddresses(service: Service): string[] {
  const balancer = service.status?.loadBalancer?.ingress ?? [];
  const all = [...(service.spec?.externalIPs ?? []), ...balancer.map((ingress) => ingress.ip ?? '')];
  return all.filter((address) => isIPv4(address));
}
