/** The rules of ingresses, network policies, service ranges and addresses, and of endpoints. */
import { BlockList, isIP, isIPv4 } from 'node:net';
import type {
  Endpoints,
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  IPAddress,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  ServiceCIDR,
} from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkPortName } from '../names.ts';
import { isCidr, NOT_A_CIDR, NOT_AN_ADDRESS } from './addresses.ts';
import { checkName, immutable, labelSelector, port, prefixedPath } from './checks.ts';
import { forbidden, invalid, notSupported, required, tooLong, type FieldError } from './field-error.ts';
import { rules, type Rules } from './rules.ts';

const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

function ingress({ spec }: Ingress): FieldError[] {
  const errors: FieldError[] = [];
  const rulesOf = spec?.rules ?? [];
  if (rulesOf.length === 0 && spec?.defaultBackend === undefined)
    errors.push(invalid('spec', rulesOf, 'either `defaultBackend` or `rules` must be specified'));
  if (spec?.defaultBackend !== undefined) errors.push(...backend(spec.defaultBackend, 'spec.defaultBackend'));
  if (spec?.ingressClassName !== undefined)
    errors.push(...checkName('spec.ingressClassName', spec.ingressClassName, checkDns1123Subdomain));
  for (const [i, tls] of (spec?.tls ?? []).entries()) {
    for (const [j, host] of (tls.hosts ?? []).entries())
      errors.push(...hostName(host, `spec.tls[${i}].hosts[${j}]`));
    if (tls.secretName)
      errors.push(
        ...checkDns1123Subdomain(tls.secretName).map((text) =>
          invalid(`spec.tls[${i}].secretName`, tls.secretName, text),
        ),
      );
  }
  for (const [i, rule] of rulesOf.entries()) {
    const at = `spec.rules[${i}]`;
    if (rule.host) {
      if (isIP(rule.host) !== 0)
        errors.push(invalid(`${at}.host`, rule.host, 'must be a DNS name, not an IP address'));
      else errors.push(...hostName(rule.host, `${at}.host`));
    }
    if (rule.http === undefined) continue;
    if ((rule.http.paths ?? []).length === 0) errors.push(required(`${at}.http.paths`));
    for (const [j, path] of (rule.http.paths ?? []).entries())
      errors.push(...ingressPath(path, `${at}.http.paths[${j}]`));
  }
  return errors;
}

function hostName(host: string, at: string): FieldError[] {
  // One star may stand for the first label.
  const plain = host.startsWith('*.') ? host.slice(2) : host;
  return checkDns1123Subdomain(plain).map((text) => invalid(at, host, text));
}

function ingressPath({ path = '', pathType, backend: target }: HTTPIngressPath, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!pathType) errors.push(required(`${at}.pathType`, 'pathType must be specified'));
  else if (!PATH_TYPES.includes(pathType)) errors.push(notSupported(`${at}.pathType`, pathType, PATH_TYPES));
  else if (pathType === 'ImplementationSpecific') {
    if (path !== '' && !path.startsWith('/'))
      errors.push(invalid(`${at}.path`, path, 'must be an absolute path'));
  } else if (!path.startsWith('/')) errors.push(invalid(`${at}.path`, path, 'must be an absolute path'));
  else {
    for (const part of ['//', '/./', '/../', '%2f', '%2F'])
      if (path.includes(part)) errors.push(invalid(`${at}.path`, path, `must not contain '${part}'`));
    for (const end of ['/..', '/.'])
      if (path.endsWith(end)) errors.push(invalid(`${at}.path`, path, `cannot end with '${end}'`));
  }
  return [...errors, ...backend(target, `${at}.backend`)];
}

function backend(target: IngressBackend | undefined, at: string): FieldError[] {
  const { service, resource } = target ?? {};
  if (service !== undefined && resource !== undefined)
    return [invalid(at, '', 'cannot set both resource and service backends')];
  if (resource !== undefined)
    return (['kind', 'name'] as const).flatMap((field) =>
      resource[field] ? [] : [required(`${at}.resource.${field}`)],
    );
  if (service === undefined) return [invalid(at, '', 'resource or service backend is required')];
  const errors = checkName(`${at}.service.name`, service.name, checkDns1123Label);
  const { name, number } = service.port ?? {};
  if (name && number) errors.push(invalid(at, '', 'cannot set both port name & port number'));
  else if (name)
    errors.push(...checkPortName(name).map((text) => invalid(`${at}.service.port.name`, name, text)));
  else if (number) errors.push(...port(`${at}.service.port.number`, number));
  else errors.push(required(at, 'port name or number is required'));
  return errors;
}

/** Only a new ingress must choose one way of naming its class. */
function classOnce({ metadata, spec }: Ingress): FieldError[] {
  const annotated = metadata?.annotations?.[CLASS_ANNOTATION];
  if (spec?.ingressClassName === undefined || annotated === undefined) return [];
  const field = `metadata.annotations[${CLASS_ANNOTATION}]`;
  return [invalid(field, annotated, 'can not be set when the class field is also set')];
}

const MAX_CONTROLLER = 250;

function ingressClass({ spec }: IngressClass): FieldError[] {
  const controller = spec?.controller ?? '';
  const errors: FieldError[] = [];
  if (controller === '') errors.push(required('spec.controller'));
  if (controller.length > MAX_CONTROLLER) errors.push(tooLong('spec.controller', MAX_CONTROLLER));
  else if (controller !== '') errors.push(...prefixedPath('spec.controller', controller));
  const parameters = spec?.parameters;
  if (parameters === undefined) return errors;
  for (const field of ['kind', 'name'] as const)
    if (!parameters[field]) errors.push(required(`spec.parameters.${field}`));
  if (parameters.scope === 'Namespace' && !parameters.namespace)
    errors.push(required('spec.parameters.namespace', "`parameters.scope` is set to 'Namespace'"));
  if (parameters.scope === 'Cluster' && parameters.namespace !== undefined)
    errors.push(forbidden('spec.parameters.namespace', "`parameters.scope` is set to 'Cluster'"));
  return errors;
}

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
    errors.push(invalid('spec.policyTypes', types, 'may not specify more than two policyTypes'));
  return errors;
}

function policyPort({ port: target, endPort }: NetworkPolicyPort, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (typeof target === 'number') errors.push(...port(`${at}.port`, target));
  else if (target !== undefined)
    errors.push(...checkPortName(target).map((text) => invalid(`${at}.port`, target, text)));
  if (endPort === undefined) return errors;
  if (target === undefined)
    errors.push(invalid(`${at}.endPort`, endPort, 'may not be specified when `port` is not specified'));
  else if (typeof target === 'string')
    errors.push(invalid(`${at}.endPort`, endPort, 'may not be specified when `port` is non-numeric'));
  else if (endPort < target)
    errors.push(invalid(`${at}.endPort`, endPort, 'must be greater than or equal to `port`'));
  else errors.push(...port(`${at}.endPort`, endPort));
  return errors;
}

function peer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (podSelector !== undefined) errors.push(...labelSelector(`${at}.podSelector`, podSelector));
  if (namespaceSelector !== undefined)
    errors.push(...labelSelector(`${at}.namespaceSelector`, namespaceSelector));
  const count = [podSelector, namespaceSelector, ipBlock].filter((part) => part !== undefined).length;
  if (count === 0) errors.push(required(at, 'must specify a peer'));
  else if (count > 1 && ipBlock !== undefined)
    errors.push(forbidden(at, 'may not specify both ipBlock and another peer'));
  if (ipBlock === undefined) return errors;
  const { except = [] } = ipBlock;
  const cidr = ipBlock.cidr ?? '';
  if (cidr === '') return [...errors, required(`${at}.ipBlock.cidr`)];
  if (!isCidr(cidr)) return [...errors, invalid(`${at}.ipBlock.cidr`, cidr, NOT_A_CIDR)];
  for (const [i, hole] of except.entries()) {
    const field = `${at}.ipBlock.except[${i}]`;
    if (!isCidr(hole)) errors.push(invalid(field, hole, NOT_A_CIDR));
    else if (!isInside(hole, cidr)) errors.push(invalid(field, hole, 'must be a strict subset of `cidr`'));
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

function address({ metadata, spec }: IPAddress): FieldError[] {
  const name = metadata?.name ?? '';
  const errors = isIP(name) === 0 ? [invalid('metadata.name', name, NOT_AN_ADDRESS)] : [];
  const parent = spec?.parentRef;
  if (parent === undefined) return [...errors, required('spec.parentRef')];
  for (const field of ['resource', 'name'] as const)
    if (!parent[field]) errors.push(required(`spec.parentRef.${field}`));
  return errors;
}

function serviceRange({ spec }: ServiceCIDR): FieldError[] {
  const cidrs = spec?.cidrs ?? [];
  if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalid('spec', spec, 'may only hold up to 2 values')];
  const errors = cidrs.flatMap((cidr, i) =>
    isCidr(cidr) ? [] : [invalid(`spec.cidrs[${i}]`, cidr, NOT_A_CIDR)],
  );
  const families = new Set(cidrs.map((cidr) => isIPv4(cidr.split('/')[0] ?? '')));
  if (errors.length === 0 && families.size < cidrs.length)
    errors.push(invalid('spec', spec, 'may specify no more than one IP for each IP family'));
  return errors;
}

function endpoints({ subsets }: Endpoints): FieldError[] {
  return (subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }, i) => {
    const at = `subsets[${i}]`;
    const errors: FieldError[] = [];
    if (addresses.length + notReadyAddresses.length === 0)
      errors.push(required(at, 'must specify `addresses` or `notReadyAddresses`'));
    for (const [list, name] of [
      [addresses, 'addresses'],
      [notReadyAddresses, 'notReadyAddresses'],
    ] as const)
      for (const [j, { ip }] of list.entries())
        if (isIP(ip) === 0) errors.push(invalid(`${at}.${name}[${j}].ip`, ip, NOT_AN_ADDRESS));
    for (const [j, entry] of ports.entries()) {
      const field = `${at}.ports[${j}]`;
      if (entry.name) errors.push(...checkName(`${field}.name`, entry.name, checkDns1123Label));
      else if (ports.length > 1) errors.push(required(`${field}.name`));
      errors.push(...port(`${field}.port`, entry.port));
    }
    return errors;
  });
}

export const networkingRules: Readonly<Record<string, Rules>> = {
  'v1/Endpoints': rules(endpoints),
  'networking.k8s.io/v1/Ingress': rules(ingress, undefined, { create: classOnce }),
  'networking.k8s.io/v1/IngressClass': rules(ingressClass, (now: IngressClass, old: IngressClass) =>
    immutable('spec.controller', now.spec?.controller, old.spec?.controller),
  ),
  'networking.k8s.io/v1/NetworkPolicy': rules(networkPolicy),
  'networking.k8s.io/v1/IPAddress': rules(address, (now: IPAddress, old: IPAddress) =>
    immutable('spec.parentRef', now.spec?.parentRef, old.spec?.parentRef),
  ),
  'networking.k8s.io/v1/ServiceCIDR': rules(serviceRange, (now: ServiceCIDR, old: ServiceCIDR) =>
    immutable('spec.cidrs', now.spec?.cidrs, old.spec?.cidrs),
  ),
};
