/**
 * The Endpoints of a Service, for clients that do not read EndpointSlices yet: the addresses of its pods, ready ones and
 * others, by the ports that they serve. Pure.
 *
 * Labels, order and the bound of 1,000 addresses are upstream's; a pod that is being deleted is nobody's endpoint.
 */
import type { Endpoints, EndpointAddress, EndpointSubset, Pod, Service } from '@timonier/api';
import { endpointOf, portsKey, portsOf } from '../endpointslice/decide.ts';
import { sameValue } from '../equality.ts';
import { matchesLabels } from '../selector.ts';

export const managedByLabel = 'endpoints.kubernetes.io/managed-by';
export const managedBy = 'endpoint-controller';
const headlessLabel = 'service.kubernetes.io/headless';
const overCapacity = 'endpoints.kubernetes.io/over-capacity';
const maxAddresses = 1_000;

export interface EndpointsState {
  readonly service: Service;
  /** Pods of the namespace; those the selector does not match are passed over. */
  readonly pods: readonly Pod[];
  readonly stored: Endpoints | undefined;
}

/** The object to be written, or undefined when all is as it should be, or is not ours to say. */
export function decide({ service, pods, stored }: EndpointsState): Endpoints | undefined {
  const { spec, metadata } = service;
  if (
    spec?.selector === undefined ||
    spec.type === 'ExternalName' ||
    metadata?.deletionTimestamp !== undefined
  )
    return undefined;
  const { subsets, truncated } = subsetsOf(service, pods);
  const { [overCapacity]: _before, ...annotations } = stored?.metadata?.annotations ?? {};
  const labels = {
    ...metadata?.labels,
    [managedByLabel]: managedBy,
    ...(spec.clusterIP === 'None' ? { [headlessLabel]: '' } : {}),
  };
  const wanted: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      ...stored?.metadata,
      name: metadata?.name ?? '',
      namespace: metadata?.namespace ?? '',
      labels,
      annotations: { ...annotations, ...(truncated ? { [overCapacity]: 'truncated' } : {}) },
    },
    ...(subsets.length === 0 ? {} : { subsets }),
  };
  const essence = (endpoints: Endpoints | undefined): unknown => [
    endpoints?.metadata?.labels ?? {},
    endpoints?.metadata?.annotations ?? {},
    endpoints?.subsets ?? [],
  ];
  return stored !== undefined && sameValue(essence(stored), essence(wanted)) ? undefined : wanted;
}

function subsetsOf(
  service: Service,
  pods: readonly Pod[],
): { subsets: EndpointSubset[]; truncated: boolean } {
  const family = service.spec?.ipFamilies?.[0] === 'IPv6' ? 'IPv6' : 'IPv4';
  const groups = new Map<
    string,
    { ports: EndpointSubset['ports']; ready: EndpointAddress[]; not: EndpointAddress[] }
  >();
  let count = 0;
  const selected = pods
    .filter((pod) => matchesLabels(service.spec?.selector ?? {}, pod.metadata?.labels))
    .sort((a, b) => compareText(a.status?.podIP ?? '', b.status?.podIP ?? ''));
  for (const pod of selected) {
    const endpoint = endpointOf(service, pod, family);
    const deleted = pod.metadata?.deletionTimestamp !== undefined;
    if (endpoint === undefined || (deleted && service.spec?.publishNotReadyAddresses !== true)) continue;
    const ports = portsOf(service, pod);
    // Without a port that the pod serves there is nothing to reach, except by its address alone.
    if (ports.length === 0 && (service.spec?.ports ?? []).length > 0) continue;
    if (++count > maxAddresses) return { subsets: inOrder(groups), truncated: true };
    const key = portsKey(ports);
    let group = groups.get(key);
    if (group === undefined)
      groups.set(key, (group = { ports: ports as EndpointSubset['ports'], ready: [], not: [] }));
    const { addresses, hostname, nodeName, targetRef } = endpoint;
    const address: EndpointAddress = {
      ip: addresses[0] ?? '',
      ...(hostname === undefined ? {} : { hostname }),
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(targetRef === undefined ? {} : { targetRef }),
    };
    (endpoint.conditions?.ready === true ? group.ready : group.not).push(address);
  }
  return { subsets: inOrder(groups), truncated: false };
}

function inOrder(
  groups: ReadonlyMap<
    string,
    { ports: EndpointSubset['ports']; ready: EndpointAddress[]; not: EndpointAddress[] }
  >,
): EndpointSubset[] {
  return [...groups]
    .sort(([a], [b]) => compareText(a, b))
    .map(([, { ports, ready, not }]) => ({
      ...(ready.length === 0 ? {} : { addresses: ready }),
      ...(not.length === 0 ? {} : { notReadyAddresses: not }),
      ...(ports === undefined || ports.length === 0 ? {} : { ports }),
    }));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
