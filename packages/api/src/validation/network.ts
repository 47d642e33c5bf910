/** The rules of services and endpoint slices. */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { EndpointSlice, Service, ServicePort } from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkPortName } from '../names.ts';
import { checkName, immutable, inRange, labels, port } from './checks.ts';
import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  tooMany,
  type FieldError,
} from './field-error.ts';

const NOT_AN_ADDRESS = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

export function validateService({ spec }: Service): FieldError[] {
  if (spec === undefined) return [];
  const errors: FieldError[] = [];
  const addresses = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  const headless = addresses[0] === 'None';
  if (spec.type === 'ExternalName') {
    if (!spec.externalName) errors.push(required('spec.externalName'));
    else {
      errors.push(
        ...checkName('spec.externalName', spec.externalName.replace(/\.$/, ''), checkDns1123Subdomain),
      );
    }
    if (addresses.length > 0 && addresses[0] !== '') {
      errors.push(forbidden('spec.clusterIPs[0]', "may not be set when `type` is 'ExternalName'"));
    }
  } else {
    if ((spec.ports ?? []).length === 0 && !headless) errors.push(required('spec.ports'));
    for (const [i, address] of addresses.entries()) {
      if (address !== 'None' && address !== '' && isIP(address) === 0) {
        errors.push(invalid(`spec.clusterIPs[${i}]`, address, NOT_AN_ADDRESS));
      }
    }
    if (headless && spec.type !== 'ClusterIP') {
      errors.push(
        invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`),
      );
    }
  }
  errors.push(...ports(spec.ports ?? [], spec.type ?? 'ClusterIP'));
  errors.push(...labels('spec.selector', spec.selector));
  for (const [i, address] of (spec.externalIPs ?? []).entries()) {
    if (isIP(address) === 0) errors.push(invalid(`spec.externalIPs[${i}]`, address, NOT_AN_ADDRESS));
  }
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (seconds !== undefined) {
    errors.push(...inRange('spec.sessionAffinityConfig.clientIP.timeoutSeconds', seconds, 1, 86_400));
  }
  return errors;
}

function ports(list: readonly ServicePort[], type: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [i, entry] of list.entries()) {
    const at = `spec.ports[${i}]`;
    if (!entry.name) {
      if (list.length > 1) errors.push(required(`${at}.name`));
    } else {
      errors.push(...checkName(`${at}.name`, entry.name, checkDns1123Label));
      if (names.has(entry.name)) errors.push(duplicate(`${at}.name`, entry.name));
      names.add(entry.name);
    }
    errors.push(...port(`${at}.port`, entry.port));
    const key = `${entry.protocol ?? 'TCP'}/${entry.port}`;
    if (numbers.has(key)) {
      errors.push(duplicate(at, { protocol: entry.protocol, port: entry.port }));
    }
    numbers.add(key);
    const target = entry.targetPort;
    if (typeof target === 'number') errors.push(...port(`${at}.targetPort`, target));
    else if (target !== undefined) {
      errors.push(...checkPortName(target).map((text) => invalid(`${at}.targetPort`, target, text)));
    }
    if (entry.nodePort) {
      if (type === 'ClusterIP' || type === 'ExternalName') {
        errors.push(forbidden(`${at}.nodePort`, `may not be used when \`type\` is '${type}'`));
      } else {
        errors.push(...port(`${at}.nodePort`, entry.nodePort));
      }
    }
  }
  return errors;
}

/** A cluster address, once given, stays until the service stops having one. */
export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const now = service.spec;
  const before = old.spec;
  if (now?.type === 'ExternalName' || before?.type === 'ExternalName') return [];
  const address = now?.clusterIPs?.[0] ?? now?.clusterIP ?? '';
  const given = before?.clusterIPs?.[0] ?? before?.clusterIP ?? '';
  if (given === '' || address === given) return [];
  return [invalid('spec.clusterIPs[0]', now?.clusterIPs ?? [address], 'may not change once set')];
}

const MAX_ENDPOINTS = 1000;
const MAX_PORTS = 20_000;

export function validateEndpointSlice(slice: EndpointSlice): FieldError[] {
  const errors: FieldError[] = [];
  const types = ['IPv4', 'IPv6', 'FQDN'];
  if (!slice.addressType) errors.push(required('addressType'));
  else if (!types.includes(slice.addressType)) {
    errors.push(notSupported('addressType', slice.addressType, types));
  }
  const endpoints = slice.endpoints ?? [];
  if (endpoints.length > MAX_ENDPOINTS) errors.push(tooMany('endpoints', endpoints.length, MAX_ENDPOINTS));
  for (const [i, endpoint] of endpoints.slice(0, MAX_ENDPOINTS).entries()) {
    const at = `endpoints[${i}]`;
    if ((endpoint.addresses ?? []).length === 0) {
      errors.push(required(`${at}.addresses`, 'must contain at least 1 address'));
    }
    for (const [j, address] of (endpoint.addresses ?? []).entries()) {
      errors.push(...checkAddress(`${at}.addresses[${j}]`, address, slice.addressType));
    }
  }
  const list = slice.ports ?? [];
  if (list.length > MAX_PORTS) errors.push(tooMany('ports', list.length, MAX_PORTS));
  const names = new Set<string>();
  for (const [i, entry] of list.slice(0, MAX_PORTS).entries()) {
    const name = entry.name ?? '';
    if (name !== '') errors.push(...checkName(`ports[${i}].name`, name, checkDns1123Label));
    if (names.has(name)) errors.push(duplicate(`ports[${i}].name`, name));
    names.add(name);
  }
  return errors;
}

function checkAddress(field: string, address: string, type: string): FieldError[] {
  if (type === 'IPv4' && !isIPv4(address)) return [invalid(field, address, 'must be an IPv4 address')];
  if (type === 'IPv6' && !isIPv6(address)) return [invalid(field, address, 'must be an IPv6 address')];
  return type === 'FQDN' ? checkName(field, address, checkDns1123Subdomain) : [];
}

export function validateEndpointSliceUpdate(slice: EndpointSlice, old: EndpointSlice): FieldError[] {
  return immutable('addressType', slice.addressType, old.addressType);
}
