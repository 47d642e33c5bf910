/** The rules of where services are found: endpoints, and slices of them. */
import { isIPv4, isIPv6 } from 'node:net';
import type {
  EndpointAddress,
  Endpoint,
  Endpoints,
  EndpointSlice,
  EndpointHints,
} from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkLabelValue } from '../names.ts';
import { address, notSpecial } from './addresses.ts';
import { immutable, invalidBy, labels, port, qualifiedName } from './checks.ts';
import { protocol, PROTOCOLS } from './container.ts';
import { duplicate, invalid, notSupported, required, tooMany, type FieldError } from './field-error.ts';
import { rules, type Rules } from './rules.ts';

function endpoints({ subsets }: Endpoints): FieldError[] {
  return (subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }, i) => {
    const at = `subsets[${i}]`;
    const errors: FieldError[] = [];
    if (addresses.length + notReadyAddresses.length === 0)
      errors.push(required(at, 'must specify `addresses` or `notReadyAddresses`'));
    for (const [j, one] of addresses.entries()) errors.push(...ready(one, `${at}.addresses[${j}]`));
    for (const [j, one] of notReadyAddresses.entries())
      errors.push(...ready(one, `${at}.notReadyAddresses[${j}]`));
    for (const [j, entry] of ports.entries()) {
      const field = `${at}.ports[${j}]`;
      if (entry.name) errors.push(...invalidBy(checkDns1123Label(entry.name), `${field}.name`, entry.name));
      else if (ports.length > 1) errors.push(required(`${field}.name`));
      errors.push(...port(`${field}.port`, entry.port ?? 0));
      errors.push(...protocol(`${field}.protocol`, entry.protocol));
      if (entry.appProtocol !== undefined)
        errors.push(...qualifiedName(`${field}.appProtocol`, entry.appProtocol));
    }
    return errors;
  });
}

function ready({ ip = '', hostname, nodeName }: Partial<EndpointAddress>, at: string): FieldError[] {
  const errors = address(`${at}.ip`, ip);
  if (hostname) errors.push(...invalidBy(checkDns1123Label(hostname), `${at}.hostname`, hostname));
  if (nodeName !== undefined)
    errors.push(...invalidBy(checkDns1123Subdomain(nodeName), `${at}.nodeName`, nodeName));
  return [...errors, ...notSpecial(`${at}.ip`, ip)];
}

const TYPES = ['FQDN', 'IPv4', 'IPv6'];
const MAX_ENDPOINTS = 1_000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;
const MAX_TOPOLOGY = 16;
const MAX_HINTS = 8;

function slice(one: EndpointSlice): FieldError[] {
  const type: string = one.addressType ?? '';
  const errors: FieldError[] = [];
  if (type === '') errors.push(required('addressType'));
  else if (!TYPES.includes(type)) errors.push(notSupported('addressType', type, TYPES));
  const list = one.endpoints ?? [];
  if (list.length > MAX_ENDPOINTS) errors.push(tooMany('endpoints', list.length, MAX_ENDPOINTS));
  else for (const [i, entry] of list.entries()) errors.push(...endpoint(entry, `endpoints[${i}]`, type));
  return [...errors, ...ports(one.ports ?? [])];
}

function endpoint(one: Partial<Endpoint>, at: string, type: string): FieldError[] {
  const { addresses = [], nodeName, deprecatedTopology = {}, hostname, hints } = one;
  const errors: FieldError[] = [];
  if (addresses.length === 0) errors.push(required(`${at}.addresses`, 'must contain at least 1 address'));
  else if (addresses.length > MAX_ADDRESSES)
    errors.push(tooMany(`${at}.addresses`, addresses.length, MAX_ADDRESSES));
  for (const [j, text] of addresses.entries())
    errors.push(...ofType(`${at}.addresses`, `${at}.addresses[${j}]`, text, type));
  if (nodeName !== undefined)
    errors.push(...invalidBy(checkDns1123Subdomain(nodeName), `${at}.nodeName`, nodeName));
  const topology = Object.keys(deprecatedTopology).length;
  if (topology > MAX_TOPOLOGY) errors.push(tooMany(`${at}.deprecatedTopology`, topology, MAX_TOPOLOGY));
  errors.push(...labels(`${at}.deprecatedTopology`, deprecatedTopology));
  if (hostname !== undefined)
    errors.push(...invalidBy(checkDns1123Label(hostname), `${at}.hostname`, hostname));
  if (hints !== undefined) errors.push(...hinted(hints, `${at}.hints`));
  return errors;
}

/** An address of the other family is an error of the whole list. */
function ofType(list: string, field: string, text: string, type: string): FieldError[] {
  if (type === 'FQDN') return domain(field, text);
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  const errors = address(field, text);
  if (errors.length > 0) return errors;
  const isRight = type === 'IPv4' ? isIPv4(text) : isIPv6(text);
  if (!isRight) errors.push(invalid(list, text, `must be an ${type} address`));
  return [...errors, ...notSpecial(field, text)];
}

/** A name of at least two labels; the dot at its end may be left out. */
function domain(field: string, text: string): FieldError[] {
  if (text === '') return [required(field)];
  const name = text.replace(/\.$/, '');
  const errors = invalidBy(checkDns1123Subdomain(name), field, name);
  if (errors.length > 0) return errors;
  const labelsOf = name.split('.');
  if (labelsOf.length < 2)
    return [invalid(field, name, 'should be a domain with at least two segments separated by dots')];
  return labelsOf.flatMap((label) => invalidBy(checkDns1123Label(label), field, label));
}

function hinted({ forZones = [], forNodes = [] }: EndpointHints, at: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [list, name] of [
    [forZones, 'forZones'],
    [forNodes, 'forNodes'],
  ] as const) {
    if (list.length > MAX_HINTS) {
      errors.push(tooMany(`${at}.${name}`, list.length, MAX_HINTS));
      continue;
    }
    const seen = new Set<string>();
    for (const [i, { name: target }] of list.entries()) {
      const field = `${at}.${name}[${i}].name`;
      if (seen.has(target)) errors.push(duplicate(field, target));
      seen.add(target);
      const check = name === 'forZones' ? checkLabelValue : checkDns1123Subdomain;
      errors.push(...invalidBy(check(target), field, target));
    }
  }
  return errors;
}

function ports(list: NonNullable<EndpointSlice['ports']>): FieldError[] {
  if (list.length > MAX_PORTS) return [tooMany('ports', list.length, MAX_PORTS)];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, { name = '', protocol: transport, appProtocol }] of list.entries()) {
    const at = `ports[${i}]`;
    if (name !== '') errors.push(...invalidBy(checkDns1123Label(name), `${at}.name`, name));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    // An empty one is none of those there are.
    const given: string | undefined = transport;
    if (given === '') errors.push(notSupported(`${at}.protocol`, given, PROTOCOLS));
    else errors.push(...protocol(`${at}.protocol`, given));
    if (appProtocol !== undefined) errors.push(...qualifiedName(`${at}.appProtocol`, appProtocol));
  }
  return errors;
}

export const endpointRules: Readonly<Record<string, Rules>> = {
  'v1/Endpoints': rules(endpoints),
  'discovery.k8s.io/v1/EndpointSlice': rules(slice, (now: EndpointSlice, old: EndpointSlice) =>
    immutable('addressType', now.addressType, old.addressType),
  ),
};
