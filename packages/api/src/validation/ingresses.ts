/** The rules of ingresses and of their classes. */
import { asSent } from '../decode/absence.ts';
import { isIP } from 'node:net';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressClassParametersReference,
  IngressRule,
  TypedLocalObjectReference,
} from '../generated/types.ts';
import {
  checkDns1123Label,
  checkDns1123Subdomain,
  checkPathSegment,
  checkPortName,
  checkWildcardDns1123Subdomain,
} from '../names.ts';
import { address } from './addresses.ts';
import { immutable, invalidBy, port, prefixedPath } from './checks.ts';
import { forbidden, invalid, notSupported, required, tooLong, type FieldError } from './field-error.ts';
import { rules, type Rules } from './rules.ts';
import { balancerHostname } from './service.ts';

const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

function ingress({ spec }: Ingress): FieldError[] {
  const errors: FieldError[] = [];
  const { rules: list = [], defaultBackend, tls = [], ingressClassName } = spec ?? {};
  if (list.length === 0 && defaultBackend === undefined)
    errors.push(
      invalid('spec', asSent(spec, 'rules'), 'either `defaultBackend` or `rules` must be specified'),
    );
  if (defaultBackend !== undefined) errors.push(...backend(defaultBackend, 'spec.defaultBackend'));
  for (const [i, rule] of list.entries()) errors.push(...ingressRule(rule, `spec.rules[${i}]`));
  for (const [i, { hosts = [], secretName }] of tls.entries()) {
    for (const [j, host] of hosts.entries()) errors.push(...hostName(host, `spec.tls[${i}].hosts[${j}]`));
    if (secretName)
      errors.push(...invalidBy(checkDns1123Subdomain(secretName), `spec.tls[${i}].secretName`, secretName));
  }
  if (ingressClassName !== undefined)
    errors.push(
      ...invalidBy(checkDns1123Subdomain(ingressClassName), 'spec.ingressClassName', ingressClassName),
    );
  return errors;
}

function ingressRule({ host, http }: IngressRule, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (host) {
    if (isIP(host) !== 0) errors.push(invalid(`${at}.host`, host, 'must be a DNS name, not an IP address'));
    errors.push(...hostName(host, `${at}.host`));
  }
  if (http === undefined) return errors;
  const paths = http.paths ?? [];
  if (paths.length === 0) errors.push(required(`${at}.http.paths`));
  for (const [i, path] of paths.entries()) errors.push(...ingressPath(path, `${at}.http.paths[${i}]`));
  return errors;
}

/** One star may stand for the first label. */
function hostName(host: string, at: string): FieldError[] {
  const check = host.includes('*') ? checkWildcardDns1123Subdomain : checkDns1123Subdomain;
  return invalidBy(check(host), at, host);
}

const NOT_INSIDE = ['//', '/./', '/../', '%2f', '%2F'];
const NOT_AT_THE_END = ['/..', '/.'];

function ingressPath({ path = '', pathType, backend: target }: HTTPIngressPath, at: string): FieldError[] {
  const field = `${at}.path`;
  if (pathType === undefined) return [required(`${at}.pathType`, 'pathType must be specified')];
  const errors: FieldError[] = [];
  if (!PATH_TYPES.includes(pathType)) errors.push(notSupported(`${at}.pathType`, pathType, PATH_TYPES));
  else if (pathType === 'ImplementationSpecific') {
    if (path !== '' && !path.startsWith('/')) errors.push(invalid(field, path, 'must be an absolute path'));
  } else {
    if (!path.startsWith('/')) errors.push(invalid(field, path, 'must be an absolute path'));
    for (const part of NOT_INSIDE)
      if (path.includes(part)) errors.push(invalid(field, path, `must not contain '${part}'`));
    for (const end of NOT_AT_THE_END)
      if (path.endsWith(end)) errors.push(invalid(field, path, `cannot end with '${end}'`));
  }
  return [...errors, ...backend(target, `${at}.backend`)];
}

function backend(target: IngressBackend | undefined, at: string): FieldError[] {
  const { service, resource } = target ?? {};
  if (service !== undefined && resource !== undefined)
    return [invalid(at, '', 'cannot set both resource and service backends')];
  if (resource !== undefined) return reference(resource, `${at}.resource`, true);
  if (service === undefined) return [invalid(at, '', 'resource or service backend is required')];
  const errors = service.name
    ? invalidBy(checkDns1123Label(service.name), `${at}.service.name`, service.name)
    : [required(`${at}.service.name`)];
  const { name, number } = service.port ?? {};
  if (name && number) errors.push(invalid(at, '', 'cannot set both port name & port number'));
  else if (name) errors.push(...invalidBy(checkPortName(name), `${at}.service.port.name`, name));
  else if (number) errors.push(...port(`${at}.service.port.number`, number));
  else errors.push(required(at, 'port name or number is required'));
  return errors;
}

/** Only of a backend upstream says in words that something is required. */
function reference(
  { apiGroup, kind, name }: TypedLocalObjectReference,
  at: string,
  isBackend = false,
): FieldError[] {
  const errors =
    apiGroup === undefined ? [] : invalidBy(checkDns1123Subdomain(apiGroup), `${at}.apiGroup`, apiGroup);
  for (const [field, value] of [
    ['kind', kind],
    ['name', name],
  ] as const)
    errors.push(
      ...(value
        ? invalidBy(checkPathSegment(value), `${at}.${field}`, value)
        : [required(`${at}.${field}`, isBackend ? `${field} is required` : '')]),
    );
  return errors;
}

/** Only a new ingress that names its class in both ways must name the same one. */
function classOnce({ metadata, spec }: Ingress): FieldError[] {
  const annotated = metadata?.annotations?.[CLASS_ANNOTATION];
  const name = spec?.ingressClassName;
  if (name === undefined || annotated === undefined || annotated === name) return [];
  return [
    invalid(
      `annotations.${CLASS_ANNOTATION}`,
      annotated,
      'must match `ingressClassName` when both are specified',
    ),
  ];
}

function ingressStatus({ status }: Ingress): FieldError[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap((one, i) => {
    const at = `status.loadBalancer.ingress[${i}]`;
    return [...(one.ip ? address(`${at}.ip`, one.ip) : []), ...balancerHostname(one, at)];
  });
}

const MAX_CONTROLLER = 250;

function ingressClass({ spec }: IngressClass): FieldError[] {
  const controller = spec?.controller ?? '';
  const errors = controller.length > MAX_CONTROLLER ? [tooLong('spec.controller', MAX_CONTROLLER)] : [];
  errors.push(...prefixedPath('spec.controller', controller));
  if (spec?.parameters !== undefined) errors.push(...parameters(spec.parameters, 'spec.parameters'));
  return errors;
}

function parameters(given: IngressClassParametersReference, at: string): FieldError[] {
  const errors = reference(given, at);
  const { scope, namespace } = given;
  const field = `${at}.namespace`;
  if (scope === undefined) return [...errors, required(`${at}.scope`)];
  if (scope === 'Namespace') {
    if (namespace === undefined) errors.push(required(field, "`parameters.scope` is set to 'Namespace'"));
    else errors.push(...invalidBy(checkDns1123Label(namespace), field, namespace));
  } else if (scope !== 'Cluster') errors.push(notSupported(`${at}.scope`, scope, ['Cluster', 'Namespace']));
  else if (namespace !== undefined) errors.push(forbidden(field, "`parameters.scope` is set to 'Cluster'"));
  return errors;
}

export const ingressRules: Readonly<Record<string, Rules>> = {
  'networking.k8s.io/v1/Ingress': rules(ingress, undefined, {
    create: classOnce,
    subresources: { status: ingressStatus },
  }),
  'networking.k8s.io/v1/IngressClass': rules(
    ingressClass,
    (now: IngressClass, old: IngressClass) =>
      immutable('spec.controller', now.spec?.controller ?? '', old.spec?.controller ?? ''),
    { changesFirst: true },
  ),
};
