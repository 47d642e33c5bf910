/** The rules of network policies, and of the ranges and addresses of services. */
import { asSent } from '../decode/absence.ts';
import { BlockList, isIPv4 } from 'node:net';
import type {
  IPAddress,
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  ServiceCIDR,
} from '../generated/types.ts';
import { checkDns1123Subdomain, checkPathSegment, checkPortName } from '../names.ts';
import { cidr, isCidr, isDualStack } from './addresses.ts';
import { immutable, invalidBy, labelSelector, port } from './checks.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { rules, type Rules } from './rules.ts';

const DIRECTIONS = ['Ingress', 'Egress'];

function networkPolicy({ spec }: NetworkPolicy): FieldError[] {
  const errors = labelSelector('spec.podSelector', spec?.podSelector ?? {});
  for (const [i, rule] of (spec?.ingress ?? []).entries()) {
    errors.push(...(rule.ports ?? []).flatMap((p, j) => policyPort(p, `spec.ingress[${i}].ports[${j}]`)));
    errors.push(...(rule.from ?? []).flatMap((p, j) => peer(p, `spec.ingress[${i}].from[${j}]`)));
  }
  for (const [i, rule] of (spec?.egress ?? []).entries()) {
    errors.push(...(rule.ports ?? []).flatMap((p, j) => policyPort(p, `spec.egress[${i}].ports[${j}]`)));
    errors.push(...(rule.to ?? []).flatMap((p, j) => peer(p, `spec.egress[${i}].to[${j}]`)));
  }
  const types = spec?.policyTypes ?? [];
  if (types.length > 2)
    return [...errors, invalid('spec.policyTypes', types, 'may not specify more than two policyTypes')];
  for (const [i, type] of types.entries())
    if (!DIRECTIONS.includes(type)) errors.push(notSupported(`spec.policyTypes[${i}]`, type, DIRECTIONS));
  return errors;
}

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];

function policyPort({ protocol, port: target, endPort }: NetworkPolicyPort, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (protocol !== undefined && !PROTOCOLS.includes(protocol))
    errors.push(notSupported(`${at}.protocol`, protocol, PROTOCOLS));
  if (typeof target === 'number') errors.push(...port(`${at}.port`, target));
  else if (target !== undefined)
    errors.push(...checkPortName(target).map((text) => invalid(`${at}.port`, target, text)));
  if (endPort === undefined) return errors;
  if (target === undefined)
    errors.push(invalid(`${at}.endPort`, endPort, 'may not be specified when `port` is not specified'));
  else if (typeof target === 'string')
    errors.push(invalid(`${at}.endPort`, endPort, 'may not be specified when `port` is non-numeric'));
  else {
    if (endPort < target)
      errors.push(invalid(`${at}.endPort`, target, 'must be greater than or equal to `port`'));
    errors.push(...port(`${at}.endPort`, endPort));
  }
  return errors;
}

function peer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (podSelector !== undefined) errors.push(...labelSelector(`${at}.podSelector`, podSelector));
  if (namespaceSelector !== undefined)
    errors.push(...labelSelector(`${at}.namespaceSelector`, namespaceSelector));
  if (ipBlock !== undefined) errors.push(...block(ipBlock, `${at}.ipBlock`));
  const count = [podSelector, namespaceSelector, ipBlock].filter((part) => part !== undefined).length;
  if (count === 0) errors.push(required(at, 'must specify a peer'));
  else if (count > 1 && ipBlock !== undefined)
    errors.push(forbidden(at, 'may not specify both ipBlock and another peer'));
  return errors;
}

function block({ cidr: range = '', except = [] }: Partial<IPBlock>, at: string): FieldError[] {
  if (range === '') return [required(`${at}.cidr`)];
  const errors = cidr(`${at}.cidr`, range);
  if (!isCidr(range)) return errors;
  for (const [i, hole] of except.entries()) {
    const field = `${at}.except[${i}]`;
    errors.push(...cidr(field, hole));
    if (isCidr(hole) && !isInside(hole, range))
      errors.push(invalid(field, hole, 'must be a strict subset of `cidr`'));
  }
  return errors;
}

function isInside(inner: string, outer: string): boolean {
  const [address = '', bits] = outer.split('/');
  const [first = '', innerBits] = inner.split('/');
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  if ((isIPv4(first) ? 'ipv4' : 'ipv6') !== family || Number(innerBits) <= Number(bits)) return false;
  const list = new BlockList();
  list.addSubnet(address, Number(bits), family);
  return list.check(first, family);
}

function addressInUse({ spec }: IPAddress): FieldError[] {
  const parent = spec?.parentRef;
  const at = 'spec.parentRef';
  if (parent === undefined) return [required(at)];
  const errors = parent.group
    ? invalidBy(checkDns1123Subdomain(parent.group), `${at}.group`, parent.group)
    : [];
  for (const field of ['resource', 'name', 'namespace'] as const) {
    const value = parent[field];
    if (value) errors.push(...invalidBy(checkPathSegment(value), `${at}.${field}`, value));
    else if (field !== 'namespace') errors.push(required(`${at}.${field}`));
  }
  return errors;
}

function serviceRange({ spec }: ServiceCIDR): FieldError[] {
  const at = 'spec.cidrs';
  const cidrs = spec?.cidrs ?? [];
  if (cidrs.length === 0) return [required(at, 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalid(at, spec, 'may only hold up to 2 values')];
  if (cidrs.length === 2 && !(cidrs.every(isCidr) && isDualStack(cidrs)))
    return [
      invalid(
        at,
        cidrs,
        'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
      ),
    ];
  return cidrs.flatMap((range, i) => cidr(`${at}[${i}]`, range));
}

/** Of a range that stays one the part that changed is named. */
function rangeUpdate(now: ServiceCIDR, old: ServiceCIDR): FieldError[] {
  const [cidrs, before] = [now.spec?.cidrs ?? [], old.spec?.cidrs ?? []];
  if (cidrs.length === before.length)
    return cidrs.flatMap((range, i) => immutable(`spec.cidrs[${i}]`, range, before[i]));
  const errors = before.length === 1 && cidrs.length === 2 ? serviceRange(now) : [];
  return errors.length > 0 ? errors : immutable('spec.cidrs', asSent(now.spec, 'cidrs'), old.spec?.cidrs);
}

export const networkingRules: Readonly<Record<string, Rules>> = {
  'networking.k8s.io/v1/NetworkPolicy': rules(networkPolicy),
  'networking.k8s.io/v1/IPAddress': rules(addressInUse, (now: IPAddress, old: IPAddress) =>
    immutable('spec.parentRef', now.spec?.parentRef, old.spec?.parentRef),
  ),
  'networking.k8s.io/v1/ServiceCIDR': rules(() => [], rangeUpdate, { create: serviceRange }),
};
