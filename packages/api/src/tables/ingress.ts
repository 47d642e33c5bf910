/** Rows of endpoints, ingresses, network policies, and of addresses and their ranges. */
import type {
  Endpoints,
  Ingress,
  IngressClass,
  IPAddress,
  NetworkPolicy,
  ServiceCIDR,
} from '../generated/types.ts';
import { NONE, orNone, since, type Cell } from './cell.ts';
import { selectorText } from './workloads.ts';

type Row = Readonly<Record<string, Cell>>;

const SHOWN = 3;

function firstFew(items: readonly string[]): string {
  const more = items.length > SHOWN ? ` + ${items.length - SHOWN} more...` : '';
  return items.slice(0, SHOWN).join(',') + more;
}

export function endpointsRow({ metadata, subsets }: Endpoints, now: number): Row {
  const all = (subsets ?? []).flatMap(({ addresses = [], ports = [] }) => {
    if (ports.length === 0) return addresses.map(({ ip }) => ip);
    return ports.flatMap(({ port }) =>
      addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
    );
  });
  return {
    Name: metadata?.name ?? '',
    Endpoints: all.length === 0 ? NONE : firstFew(all),
    Age: since(metadata?.creationTimestamp, now),
  };
}

export function ingressRow({ metadata, spec, status }: Ingress, now: number): Row {
  const hosts = (spec?.rules ?? []).map(({ host }) => host ?? '').filter((host) => host !== '');
  const addresses = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
  const named = spec?.ingressClassName ?? metadata?.annotations?.['kubernetes.io/ingress.class'];
  return {
    Name: metadata?.name ?? '',
    Class: orNone(named),
    Hosts: hosts.length === 0 ? '*' : firstFew(hosts),
    Address: addresses.filter((address) => address !== '').join(','),
    Ports: (spec?.tls ?? []).length > 0 ? '80, 443' : '80',
    Age: since(metadata?.creationTimestamp, now),
  };
}

export function ingressClassRow({ metadata, spec }: IngressClass, now: number): Row {
  const parameters = spec?.parameters;
  const group = parameters?.apiGroup ? `.${parameters.apiGroup}` : '';
  return {
    Name: metadata?.name ?? '',
    Controller: spec?.controller ?? '',
    Parameters: parameters === undefined ? NONE : `${parameters.kind}${group}/${parameters.name}`,
    Age: since(metadata?.creationTimestamp, now),
  };
}

export function networkPolicyRow({ metadata, spec }: NetworkPolicy, now: number): Row {
  return {
    Name: metadata?.name ?? '',
    'Pod-Selector': selectorText(spec?.podSelector),
    Age: since(metadata?.creationTimestamp, now),
  };
}

export function addressRow({ metadata, spec }: IPAddress): Row {
  const parent = spec?.parentRef;
  const resource = [parent?.resource, parent?.group].filter((part) => part).join('.');
  const place = [resource, parent?.namespace, parent?.name].filter((part) => part);
  return {
    Name: metadata?.name ?? '',
    ParentRef: orNone(place.join('/')),
  };
}

export function serviceRangeRow({ metadata, spec }: ServiceCIDR, now: number): Row {
  return {
    Name: metadata?.name ?? '',
    CIDRs: (spec?.cidrs ?? []).join(','),
    Age: since(metadata?.creationTimestamp, now),
  };
}
