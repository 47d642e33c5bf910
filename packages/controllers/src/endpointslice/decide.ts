/**
 * The EndpointSlices a Service needs: its ports resolved against its pods, endpoints with their conditions, cut into
 * slices of at most 100, reusing the slices there are so that a change of one pod rewrites one slice. Pure.
 */
import type { Endpoint, EndpointSlice, Pod, Service } from '@timonier/api';
import { sameValue } from '../equality.ts';
import { serviceNameLabel } from '../informers.ts';
import { isPodFinished, isPodReady } from '../pods.ts';
import { matchesLabels } from '../selector.ts';

export const managedBy = 'endpointslice-controller.k8s.io';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const maxEndpoints = 100;

export interface EndpointSliceState {
  readonly service: Service;
  /** Pods of the namespace; those the selector does not match are passed over. */
  readonly pods: readonly Pod[];
  /** The slices of the service that this controller manages. */
  readonly slices: readonly EndpointSlice[];
}

export interface EndpointSliceDecision {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly delete: readonly EndpointSlice[];
}

type SlicePort = NonNullable<EndpointSlice['ports']>[number];

export function decide({ service, pods, slices }: EndpointSliceState): EndpointSliceDecision {
  const selector = service.spec?.selector;
  const unmanaged = selector === undefined || service.spec?.type === 'ExternalName';
  if (unmanaged || service.metadata?.deletionTimestamp !== undefined) {
    return { create: [], update: [], delete: unmanaged ? slices : [] };
  }
  const selected = pods.filter((pod) => matchesLabels(selector, pod.metadata?.labels));
  const decision = {
    create: [] as EndpointSlice[],
    update: [] as EndpointSlice[],
    delete: [] as EndpointSlice[],
  };
  for (const family of familiesOf(service)) {
    const existing = slices.filter((slice) => slice.addressType === family);
    decideFamily(service, selected, existing, family, decision);
  }
  const families = new Set<string>(familiesOf(service));
  decision.delete.push(...slices.filter((slice) => !families.has(slice.addressType)));
  return decision;
}

function decideFamily(
  service: Service,
  pods: readonly Pod[],
  existing: readonly EndpointSlice[],
  family: 'IPv4' | 'IPv6',
  decision: { create: EndpointSlice[]; update: EndpointSlice[]; delete: EndpointSlice[] },
): void {
  // Pods may resolve named ports differently; endpoints with the same ports share slices.
  const groups = new Map<string, { ports: SlicePort[]; endpoints: Map<string, Endpoint> }>();
  for (const pod of pods) {
    const endpoint = endpointOf(service, pod, family);
    if (endpoint === undefined) continue;
    const ports = portsOf(service, pod);
    const key = portsKey(ports);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { ports, endpoints: new Map() }));
    group.endpoints.set(pod.metadata?.uid ?? '', endpoint);
  }
  if (groups.size === 0) groups.set(portsKey([]), { ports: [], endpoints: new Map() });
  const unused = new Set(existing);
  for (const [key, { ports, endpoints }] of groups) {
    const mine = existing.filter((slice) => portsKey(slice.ports ?? []) === key);
    const left = new Map(endpoints);
    const kept: { slice: EndpointSlice; endpoints: Endpoint[] }[] = [];
    for (const slice of mine) {
      const staying: Endpoint[] = [];
      for (const { targetRef } of slice.endpoints ?? []) {
        const uid = targetRef?.uid ?? '';
        const endpoint = left.get(uid);
        if (endpoint === undefined) continue;
        left.delete(uid);
        staying.push(endpoint);
      }
      kept.push({ slice, endpoints: staying });
    }
    const rest = [...left.values()];
    for (const entry of kept) {
      entry.endpoints.push(...rest.splice(0, Math.max(0, maxEndpoints - entry.endpoints.length)));
    }
    // An empty slice stays only when it is the last one: it says that the service is known and has nobody.
    const filled = kept.filter(({ endpoints }) => endpoints.length > 0);
    const stay = filled.length === 0 && rest.length === 0 ? kept.slice(0, 1) : filled;
    for (const { slice, endpoints } of stay) {
      unused.delete(slice);
      const next: EndpointSlice = {
        ...slice,
        metadata: { ...slice.metadata, labels: labelsOf(service, slice.metadata?.labels) },
        endpoints,
        ports,
      };
      if (!sameSlice(slice, next)) decision.update.push(next);
    }
    while (rest.length > 0)
      decision.create.push(newSlice(service, family, ports, rest.splice(0, maxEndpoints)));
    if (stay.length === 0 && endpoints.size === 0) decision.create.push(newSlice(service, family, ports, []));
  }
  decision.delete.push(...unused);
}

function sameSlice(a: EndpointSlice, b: EndpointSlice): boolean {
  const essence = ({ metadata, endpoints, ports }: EndpointSlice): unknown => [
    metadata?.labels ?? {},
    endpoints ?? [],
    ports ?? [],
  ];
  return sameValue(essence(a), essence(b));
}

function familiesOf(service: Service): ('IPv4' | 'IPv6')[] {
  const families = service.spec?.ipFamilies ?? [];
  return families.length === 0 ? ['IPv4'] : families.map((family) => (family === 'IPv6' ? 'IPv6' : 'IPv4'));
}

/** A pod as an endpoint of a service; undefined when it has no address of the family, or has ended. */
export function endpointOf(service: Service, pod: Pod, family: 'IPv4' | 'IPv6'): Endpoint | undefined {
  const addresses = pod.status?.podIPs?.map(({ ip }) => ip) ?? [pod.status?.podIP];
  const address = addresses.find(
    (ip) => ip !== undefined && ip !== '' && ip.includes(':') === (family === 'IPv6'),
  );
  if (address === undefined || isPodFinished(pod)) return undefined;
  const { name = '', namespace = '', uid = '', deletionTimestamp } = pod.metadata ?? {};
  const serving = isPodReady(pod);
  const terminating = deletionTimestamp !== undefined;
  const publish = service.spec?.publishNotReadyAddresses === true;
  const named = pod.spec?.hostname !== undefined && pod.spec.subdomain === service.metadata?.name;
  return {
    addresses: [address],
    conditions: { ready: publish || (serving && !terminating), serving, terminating },
    ...(named && pod.spec?.hostname !== undefined ? { hostname: pod.spec.hostname } : {}),
    ...(pod.spec?.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

/** The service's ports as this pod serves them; a named port that the pod does not have is left out. */
export function portsOf(service: Service, pod: Pod): SlicePort[] {
  const ports: SlicePort[] = [];
  for (const { name = '', port, targetPort, protocol = 'TCP', appProtocol } of service.spec?.ports ?? []) {
    const number = targetNumber(pod, targetPort ?? port, protocol);
    if (number === undefined) continue;
    ports.push({ name, port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) });
  }
  return ports;
}

function targetNumber(pod: Pod, target: number | string, protocol: string): number | undefined {
  if (typeof target === 'number') return target;
  if (/^\d+$/.test(target)) return Number(target);
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    const match = container.ports?.find(
      (port) => port.name === target && (port.protocol ?? 'TCP') === protocol,
    );
    if (match !== undefined) return match.containerPort;
  }
  return undefined;
}

/** The same for the same ports in whatever order. */
export function portsKey(ports: readonly SlicePort[]): string {
  return ports
    .map(
      ({ name = '', port, protocol = 'TCP', appProtocol = '' }) =>
        `${name}/${port ?? ''}/${protocol}/${appProtocol}`,
    )
    .sort()
    .join(' ');
}

function newSlice(
  service: Service,
  family: 'IPv4' | 'IPv6',
  ports: SlicePort[],
  endpoints: Endpoint[],
): EndpointSlice {
  const { name = '', namespace = '', uid = '' } = service.metadata ?? {};
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: labelsOf(service, {}),
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    addressType: family,
    endpoints,
    ports,
  };
}

const headlessLabel = 'service.kubernetes.io/headless';

function labelsOf(
  service: Service,
  current: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const labels = { ...current, ...service.metadata?.labels };
  delete labels[headlessLabel];
  return {
    ...labels,
    [serviceNameLabel]: service.metadata?.name ?? '',
    [managedByLabel]: managedBy,
    ...(service.spec?.clusterIP === 'None' ? { [headlessLabel]: '' } : {}),
  };
}
