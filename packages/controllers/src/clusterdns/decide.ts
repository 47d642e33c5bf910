/** The Service through which pods find the cluster's DNS, and who answers behind it: every ready host that runs it. Pure. */
import type { EndpointSlice, Node, Service } from '@timonier/api';
import { sameValue } from '../equality.ts';
import { serviceNameLabel } from '../informers.ts';
import { managedByLabel } from '../endpointslice/decide.ts';

export const dnsNamespace = 'kube-system';
export const dnsServiceName = 'kube-dns';
export const dnsSliceName = 'kube-dns-hosts';
/** Set by the kubelet of a host that runs the DNS component. */
const dnsLabel = 'timonier.io/dns';

export interface ClusterDnsState {
  readonly address: string;
  readonly nodes: readonly Node[];
  readonly service: Service | undefined;
  readonly slice: EndpointSlice | undefined;
}

export interface ClusterDnsDecision {
  readonly createService: Service | undefined;
  readonly slice: { readonly verb: 'create' | 'update'; readonly object: EndpointSlice } | undefined;
}

export function decide({ address, nodes, service, slice }: ClusterDnsState): ClusterDnsDecision {
  const wanted = sliceOf(nodes, service, slice);
  const same =
    sameValue(wanted.endpoints, slice?.endpoints ?? []) &&
    sameValue(wanted.ports, slice?.ports ?? []) &&
    sameValue(wanted.metadata?.ownerReferences, slice?.metadata?.ownerReferences);
  return {
    createService: service === undefined ? serviceAt(address) : undefined,
    slice:
      slice === undefined
        ? { verb: 'create', object: wanted }
        : same
          ? undefined
          : { verb: 'update', object: wanted },
  };
}

function serviceAt(clusterIP: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: dnsServiceName,
      namespace: dnsNamespace,
      labels: {
        'k8s-app': 'kube-dns',
        'kubernetes.io/name': 'CoreDNS',
        'kubernetes.io/cluster-service': 'true',
      },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      internalTrafficPolicy: 'Local',
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
      ],
    },
  };
}

function sliceOf(
  nodes: readonly Node[],
  service: Service | undefined,
  current: EndpointSlice | undefined,
): EndpointSlice {
  const endpoints = nodes
    .filter(runsDns)
    .map((node) => ({ name: node.metadata?.name ?? '', address: internalAddress(node), node }))
    .filter(({ address }) => address !== undefined)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, address, node }) => ({
      addresses: [address ?? ''],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: name,
      targetRef: { kind: 'Node', name, uid: node.metadata?.uid ?? '' },
    }));
  const owner = service?.metadata?.uid;
  return {
    ...current,
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...current?.metadata,
      name: dnsSliceName,
      namespace: dnsNamespace,
      labels: { [serviceNameLabel]: dnsServiceName, [managedByLabel]: 'clusterdns.timonier.io' },
      ...(owner === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: dnsServiceName, uid: owner }] }),
    },
    addressType: 'IPv4',
    endpoints,
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ],
  };
}

function runsDns(node: Node): boolean {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  return ready && node.metadata?.labels?.[dnsLabel] === 'true';
}

function internalAddress(node: Node): string | undefined {
  return node.status?.addresses?.find(({ type, address }) => type === 'InternalIP' && !address.includes(':'))
    ?.address;
}
