/**
 * The EndpointSlices of Endpoints that somebody writes by hand, for a Service without a selector: one for each family of
 * addresses and each set of ports. Pure.
 */
import type { Endpoint, EndpointAddress, Endpoints, EndpointSlice, Service } from '@timonier/api';
import { isIP } from 'node:net';
import { managedByLabel, portsKey } from '../endpointslice/decide.ts';
import { sameValue } from '../equality.ts';
import { serviceNameLabel } from '../informers.ts';
import { ownerReferenceTo } from '../pod-control.ts';

export const managedBy = 'endpointslicemirroring-controller.k8s.io';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
/** They say something of the Endpoints alone. */
const ownAnnotations: ReadonlySet<string> = new Set([
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
]);
const maxPerSubset = 1_000;

export interface MirrorState {
  readonly endpoints: Endpoints | undefined;
  readonly service: Service | undefined;
  /** Those of the Service that this controller made. */
  readonly slices: readonly EndpointSlice[];
}

export interface MirrorDecision {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly delete: readonly EndpointSlice[];
  readonly events: readonly { readonly reason: string; readonly message: string }[];
}

type Family = 'IPv4' | 'IPv6';
type Ports = NonNullable<EndpointSlice['ports']>;

interface Group {
  readonly family: Family;
  readonly ports: Ports;
  readonly endpoints: Map<string, Endpoint>;
}

export function decide({ endpoints, service, slices }: MirrorState): MirrorDecision {
  if (
    endpoints === undefined ||
    !isMirrored(endpoints) ||
    service === undefined ||
    service.spec?.selector !== undefined
  )
    return { create: [], update: [], delete: slices, events: [] };
  const { groups, invalid, surplus } = groupsOf(endpoints);
  const create: EndpointSlice[] = [];
  const update: EndpointSlice[] = [];
  const kept = new Set<EndpointSlice>();
  for (const [key, group] of groups) {
    const known = slices.find((slice) => keyOf(slice.addressType, slice.ports ?? []) === key);
    const wanted = sliceOf(endpoints, group, known);
    if (known === undefined) create.push(wanted);
    else {
      kept.add(known);
      if (!sameSlice(known, wanted)) update.push(wanted);
    }
  }
  const events = [
    ...(invalid === 0
      ? []
      : [
          {
            reason: 'InvalidIPAddress',
            message: `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`,
          },
        ]),
    ...(surplus === 0
      ? []
      : [
          {
            reason: 'TooManyAddressesToMirror',
            message: `A max of ${maxPerSubset} addresses can be mirrored to EndpointSlices per Endpoints subset. ${invalid + surplus} addresses were skipped`,
          },
        ]),
  ];
  return {
    create: endpoints.metadata?.deletionTimestamp === undefined ? create : [],
    update,
    delete: slices.filter((slice) => !kept.has(slice)),
    events,
  };
}

function isMirrored({ metadata }: Endpoints): boolean {
  return metadata?.labels?.[skipLabel] !== 'true' && metadata?.annotations?.[leaderAnnotation] === undefined;
}

function groupsOf({ subsets = [] }: Endpoints): {
  readonly groups: ReadonlyMap<string, Group>;
  readonly invalid: number;
  readonly surplus: number;
} {
  const groups = new Map<string, Group>();
  let invalid = 0;
  let surplus = 0;
  for (const { ports: subsetPorts = [], addresses = [], notReadyAddresses = [] } of subsets) {
    const ports: Ports = subsetPorts.map(({ name = '', protocol = 'TCP', ...port }) => ({
      name,
      protocol,
      ...port,
    }));
    let added = 0;
    const all = [
      ...addresses.map((address) => ({ address, ready: true })),
      ...notReadyAddresses.map((address) => ({ address, ready: false })),
    ];
    for (const { address, ready } of all) {
      const version = isIP(address.ip);
      if (version === 0) invalid += 1;
      else if (added === maxPerSubset) surplus += 1;
      else {
        added += 1;
        const family = version === 4 ? 'IPv4' : 'IPv6';
        const key = keyOf(family, ports);
        const group = groups.get(key) ?? { family, ports, endpoints: new Map<string, Endpoint>() };
        groups.set(key, group);
        if (!group.endpoints.has(address.ip)) group.endpoints.set(address.ip, endpointOf(address, ready));
      }
    }
  }
  return { groups, invalid, surplus };
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}

function keyOf(family: string, ports: Ports): string {
  return `${family} ${portsKey(ports)}`;
}

function sliceOf(endpoints: Endpoints, group: Group, known: EndpointSlice | undefined): EndpointSlice {
  const { name = '', namespace = '', labels, annotations = {} } = endpoints.metadata ?? {};
  const kept = Object.entries(annotations).filter(([key]) => !ownAnnotations.has(key));
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...(known === undefined ? { generateName: `${name}-` } : known.metadata),
      namespace,
      labels: { ...labels, [serviceNameLabel]: name, [managedByLabel]: managedBy },
      annotations: Object.fromEntries(kept),
      ownerReferences: [ownerReferenceTo({ object: endpoints, apiVersion: 'v1', kind: 'Endpoints' })],
    },
    addressType: group.family,
    endpoints: [...group.endpoints.values()],
    ports: group.ports,
  };
}

function sameSlice(a: EndpointSlice, b: EndpointSlice): boolean {
  const essence = ({ metadata, endpoints, ports }: EndpointSlice): unknown => [
    metadata?.labels ?? {},
    metadata?.annotations ?? {},
    metadata?.ownerReferences ?? [],
    endpoints ?? [],
    ports ?? [],
  ];
  return sameValue(essence(a), essence(b));
}
