/** The rules of endpoint slices. */
import { isIPv4, isIPv6 } from 'node:net';
import type { EndpointSlice } from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain } from '../names.ts';
import { checkName, immutable } from './checks.ts';
import { duplicate, invalid, notSupported, required, tooMany, type FieldError } from './field-error.ts';

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
