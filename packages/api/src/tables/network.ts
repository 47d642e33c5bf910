/** Rows of services and endpoint slices. */
import type { EndpointSlice, Service, ServicePort } from '../generated/types.ts';
import { atMost, formatLabels, orNone, since, UNSET, type Cell } from './cell.ts';

type Row = Readonly<Record<string, Cell>>;

function externalAddresses(service: Service): string {
  const own = service.spec?.externalIPs ?? [];
  switch (service.spec?.type) {
    case 'LoadBalancer': {
      const given = (service.status?.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '');
      const all = [...new Set([...given.filter((a) => a !== ''), ...own])];
      return all.length === 0 ? '<pending>' : all.join(',');
    }
    case 'ExternalName':
      return orNone(service.spec.externalName);
    default:
      return orNone(own.join(','));
  }
}

function servicePort(port: ServicePort): string {
  const node = port.nodePort ? `:${port.nodePort}` : '';
  return `${port.port}${node}/${port.protocol ?? 'TCP'}`;
}

export function serviceRow(service: Service, now: number): Row {
  return {
    Name: service.metadata?.name ?? '',
    Type: service.spec?.type ?? '',
    'Cluster-IP': orNone(service.spec?.clusterIPs?.[0] ?? service.spec?.clusterIP),
    'External-IP': externalAddresses(service),
    'Port(s)': orNone((service.spec?.ports ?? []).map(servicePort).join(',')),
    Age: since(service.metadata?.creationTimestamp, now),
    Selector: formatLabels(service.spec?.selector),
  };
}

const SHOWN = 3;

export function endpointSliceRow(slice: EndpointSlice, now: number): Row {
  const ports = (slice.ports ?? []).map((port) =>
    port.port === undefined ? port.name || '*' : String(port.port),
  );
  return {
    Name: slice.metadata?.name ?? '',
    AddressType: slice.addressType,
    Ports: ports.length === 0 ? UNSET : atMost(ports, SHOWN),
    Endpoints: atMost(
      (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses),
      SHOWN,
    ),
    Age: since(slice.metadata?.creationTimestamp, now),
  };
}
