/** The rules of services. */
import { isIP } from 'node:net';
import type { LoadBalancerIngress, Service, ServicePort, ServiceSpec } from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain } from '../names.ts';
import { address, cidr, outsideAddress } from './addresses.ts';
import { invalidBy, labels, oneOf, port, qualifiedName } from './checks.ts';
import { protocol } from './container.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { portOrName } from './probes.ts';
import { clusterAddresses, clusterAddressesUpdate, isHeadless } from './service-addresses.ts';

const AFFINITIES = ['ClientIP', 'None'];
const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const HINTS = 'service.kubernetes.io/topology-aware-hints';
const MODE = 'service.kubernetes.io/topology-mode';

export function validateService(service: Service): FieldError[] {
  const spec = service.spec ?? {};
  const annotations = service.metadata?.annotations;
  const errors: FieldError[] = [];
  const mode = annotations?.[MODE];
  const hints = annotations?.[HINTS];
  if (mode !== undefined && hints !== undefined && mode !== hints)
    errors.push(
      invalid(
        `metadata.annotations[${MODE}]`,
        mode,
        `must match annotations[${HINTS}] when both are specified`,
      ),
    );
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName')
    errors.push(required('spec.ports'));
  errors.push(...byType(spec));
  const names = new Set<string>();
  for (const [i, entry] of ports.entries())
    errors.push(...onePort(entry, `spec.ports[${i}]`, ports.length > 1, names));
  if (spec.selector !== undefined) errors.push(...labels('spec.selector', spec.selector));
  errors.push(...affinity(spec));
  errors.push(...clusterAddresses(spec));
  for (const [i, text] of (spec.externalIPs ?? []).entries())
    errors.push(...outsideAddress(`spec.externalIPs[${i}]`, text));
  errors.push(...oneOf('spec.type', spec.type, TYPES));
  errors.push(...portNumbers(ports, spec.type));
  errors.push(...balancing(service));
  return [...errors, ...traffic(spec)];
}

function byType(spec: ServiceSpec): FieldError[] {
  if (spec.type === 'LoadBalancer' || spec.type === 'NodePort')
    return isHeadless(spec)
      ? [invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`)]
      : [];
  if (spec.type !== 'ExternalName') return [];
  const errors: FieldError[] = [];
  const detail = 'may not be set for ExternalName services';
  if ((spec.clusterIPs ?? []).length > 0) errors.push(forbidden('spec.clusterIPs', detail));
  if ((spec.ipFamilies ?? []).length > 0) errors.push(forbidden('spec.ipFamilies', detail));
  if (spec.ipFamilyPolicy !== undefined) errors.push(forbidden('spec.ipFamilyPolicy', detail));
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') errors.push(required('spec.externalName'));
  else errors.push(...invalidBy(checkDns1123Subdomain(name), 'spec.externalName', name));
  return errors;
}

function onePort(entry: ServicePort, at: string, needsName: boolean, names: Set<string>): FieldError[] {
  const errors: FieldError[] = [];
  const { name } = entry;
  if (!name) {
    if (needsName) errors.push(required(`${at}.name`));
  } else {
    errors.push(...invalidBy(checkDns1123Label(name), `${at}.name`, name));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
  }
  errors.push(...port(`${at}.port`, entry.port ?? 0));
  errors.push(...protocol(`${at}.protocol`, entry.protocol));
  errors.push(...portOrName(`${at}.targetPort`, entry.targetPort));
  if (entry.appProtocol !== undefined) errors.push(...qualifiedName(`${at}.appProtocol`, entry.appProtocol));
  return errors;
}

const MAX_AFFINITY_SECONDS = 86_400;

function affinity({ sessionAffinity: kind, sessionAffinityConfig: config }: ServiceSpec): FieldError[] {
  const errors = oneOf('spec.sessionAffinity', kind, AFFINITIES);
  const at = 'spec.sessionAffinityConfig';
  if (kind === 'None' && config !== undefined)
    errors.push(forbidden(at, 'must not be set when session affinity is None'));
  if (kind !== 'ClientIP') return errors;
  const detail = 'when session affinity type is ClientIP';
  if (config === undefined) return [...errors, required(at, detail)];
  if (config.clientIP === undefined) return [...errors, required(`${at}.clientIP`, detail)];
  const field = `${at}.clientIP.timeoutSeconds`;
  const seconds = config.clientIP.timeoutSeconds;
  if (seconds === undefined) return [...errors, required(field, detail)];
  if (seconds <= 0 || seconds > MAX_AFFINITY_SECONDS)
    errors.push(invalid(field, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`));
  return errors;
}

/** No two ports are one, neither for clients nor on nodes. */
function portNumbers(list: readonly ServicePort[], type: string | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if (type === 'ClusterIP')
    for (const [i, { nodePort }] of list.entries())
      if (nodePort)
        errors.push(forbidden(`spec.ports[${i}].nodePort`, "may not be used when `type` is 'ClusterIP'"));
  for (const field of ['nodePort', 'port'] as const) {
    const seen = new Set<string>();
    for (const [i, entry] of list.entries()) {
      const number = entry[field];
      if (field === 'nodePort' && !number) continue;
      const key = `${entry.protocol ?? ''}/${number}`;
      if (seen.has(key))
        errors.push(
          field === 'nodePort'
            ? duplicate(`spec.ports[${i}].nodePort`, number)
            : duplicate(`spec.ports[${i}]`, asKey(entry)),
        );
      seen.add(key);
    }
  }
  return errors;
}

/** What of a port must be its own, as upstream words it: in its own form of a port. */
function asKey({ protocol, port }: ServicePort): object {
  return { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 };
}

const ONLY_BALANCED = "may only be used when `type` is 'LoadBalancer'";
const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** What only a load balancer can do. */
function balancing({ metadata, spec }: Service): FieldError[] {
  const isBalanced = spec?.type === 'LoadBalancer';
  const errors: FieldError[] = [];
  const ranges = spec?.loadBalancerSourceRanges ?? [];
  const annotated = metadata?.annotations?.[SOURCE_RANGES];
  if (ranges.length > 0) {
    const at = 'spec.LoadBalancerSourceRanges';
    if (!isBalanced) errors.push(forbidden(at, ONLY_BALANCED));
    for (const [i, value] of ranges.entries()) errors.push(...cidr(`${at}[${i}]`, value.trim()));
  } else if (annotated !== undefined) {
    const at = `metadata.annotations[${SOURCE_RANGES}]`;
    if (!isBalanced) errors.push(forbidden(at, ONLY_BALANCED));
    if (annotated.trim() !== '')
      for (const value of annotated.split(',')) errors.push(...cidr(at, value.trim()));
  }
  if (spec?.allocateLoadBalancerNodePorts !== undefined && !isBalanced)
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', ONLY_BALANCED));
  const kind = spec?.loadBalancerClass;
  if (kind === undefined) return errors;
  if (isBalanced) errors.push(...qualifiedName('spec.loadBalancerClass', kind));
  else errors.push(forbidden('spec.loadBalancerClass', ONLY_BALANCED));
  return errors;
}

const POLICIES = ['Cluster', 'Local'];
const DISTRIBUTIONS = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];

function isCheckedByNodes({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
}

/** Which endpoints get what comes from where. */
function traffic(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const isOnNodes = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  const isExternal = isOnNodes || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);
  const { externalTrafficPolicy: external, internalTrafficPolicy: internal } = spec;
  const field = 'spec.externalTrafficPolicy';
  if (isExternal) errors.push(...oneOf(field, external, POLICIES));
  else if (external)
    errors.push(invalid(field, external, 'may only be set for externally-accessible services'));
  const check = spec.healthCheckNodePort;
  if (!isCheckedByNodes(spec)) {
    if (check)
      errors.push(
        invalid(
          'spec.healthCheckNodePort',
          check,
          "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        ),
      );
  } else if (check) errors.push(...port('spec.healthCheckNodePort', check));
  if (internal === undefined) {
    if (isOnNodes || spec.type === 'ClusterIP') errors.push(required('spec.internalTrafficPolicy'));
  } else if (!POLICIES.includes(internal))
    errors.push(notSupported('spec.internalTrafficPolicy', internal, POLICIES));
  const distribution = spec.trafficDistribution;
  if (distribution !== undefined && !DISTRIBUTIONS.includes(distribution))
    errors.push(notSupported('spec.trafficDistribution', distribution, DISTRIBUTIONS));
  return errors;
}

/** A cluster address, once given, stays until the service stops having one; so does the class of a load balancer. */
export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const now = service.spec ?? {};
  const before = old.spec ?? {};
  // What cannot be an address is not compared with the one there is.
  const errors = clusterAddresses(now).length > 0 ? [] : clusterAddressesUpdate(now, before);
  const isBalanced = now.type === 'LoadBalancer' && before.type === 'LoadBalancer';
  if (isBalanced && now.loadBalancerClass !== before.loadBalancerClass)
    errors.push(invalid('spec.loadBalancerClass', now.loadBalancerClass, 'may not change once set'));
  if (
    isCheckedByNodes(now) &&
    isCheckedByNodes(before) &&
    (now.healthCheckNodePort ?? 0) !== (before.healthCheckNodePort ?? 0)
  )
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'));
  return errors;
}

const IP_MODES = ['Proxy', 'VIP'];

export function validateServiceStatus({ spec, status }: Service): FieldError[] {
  const list = status?.loadBalancer?.ingress ?? [];
  const path = 'status.loadBalancer.ingress';
  if (spec?.type !== 'LoadBalancer' && list.length > 0)
    return [forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  return list.flatMap((ingress, i) => {
    const { ip, ipMode } = ingress;
    const at = `${path}[${i}]`;
    const errors = ip ? address(`${at}.ip`, ip) : [];
    if (ipMode === undefined) {
      if (ip) errors.push(required(`${at}.ipMode`, 'must be specified when `ip` is set'));
    } else if (!ip) errors.push(forbidden(`${at}.ipMode`, 'may not be specified when `ip` is not set'));
    else if (!IP_MODES.includes(ipMode)) errors.push(notSupported(`${at}.ipMode`, ipMode, IP_MODES));
    return [...errors, ...balancerHostname(ingress, at)];
  });
}

/** Also of ingresses. */
export function balancerHostname(
  { hostname }: Pick<LoadBalancerIngress, 'hostname'>,
  at: string,
): FieldError[] {
  if (!hostname) return [];
  const field = `${at}.hostname`;
  const errors = invalidBy(checkDns1123Subdomain(hostname), field, hostname);
  if (isIP(hostname) !== 0) errors.push(invalid(field, hostname, 'must be a DNS name, not an IP address'));
  return errors;
}
