/** The rules of services. */
import { isIP } from 'node:net';
import type { Service, ServicePort, ServiceSpec } from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkPortName, checkQualifiedName } from '../names.ts';
import { isCidr, NOT_A_CIDR, NOT_AN_ADDRESS, outsideAddress } from './addresses.ts';
import { checkName, inRange, labels, port } from './checks.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';

export function validateService(service: Service): FieldError[] {
  const { spec } = service;
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
  for (const [i, address] of (spec.externalIPs ?? []).entries())
    errors.push(...outsideAddress(`spec.externalIPs[${i}]`, address));
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (seconds !== undefined) {
    errors.push(...inRange('spec.sessionAffinityConfig.clientIP.timeoutSeconds', seconds, 1, 86_400));
  }
  return [...errors, ...balancing(service), ...traffic(spec)];
}

const ONLY_BALANCED = "may only be used when `type` is 'LoadBalancer'";
const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** What only a load balancer can do. */
function balancing({ metadata, spec }: Service): FieldError[] {
  const isBalanced = spec?.type === 'LoadBalancer';
  const errors: FieldError[] = [];
  const ranges = spec?.loadBalancerSourceRanges ?? [];
  const annotated = metadata?.annotations?.[SOURCE_RANGES];
  const range = (field: string, value: string): FieldError[] =>
    isCidr(value.trim()) ? [] : [invalid(field, value.trim(), NOT_A_CIDR)];
  if (ranges.length > 0) {
    const at = 'spec.LoadBalancerSourceRanges';
    if (!isBalanced) errors.push(forbidden(at, ONLY_BALANCED));
    for (const [i, value] of ranges.entries()) errors.push(...range(`${at}[${i}]`, value));
  } else if (annotated !== undefined) {
    const at = `metadata.annotations[${SOURCE_RANGES}]`;
    if (!isBalanced) errors.push(forbidden(at, ONLY_BALANCED));
    if (annotated.trim() !== '') for (const value of annotated.split(',')) errors.push(...range(at, value));
  }
  if (spec?.allocateLoadBalancerNodePorts !== undefined && !isBalanced)
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', ONLY_BALANCED));
  const kind = spec?.loadBalancerClass;
  if (kind !== undefined) {
    if (!isBalanced) errors.push(forbidden('spec.loadBalancerClass', ONLY_BALANCED));
    else errors.push(...checkName('spec.loadBalancerClass', kind, checkQualifiedName));
  }
  for (const [i, entry] of (spec?.ports ?? []).entries())
    if (isBalanced && entry.port === KUBELET_PORT)
      errors.push(
        invalid(
          `spec.ports[${i}]`,
          entry.port,
          `may not expose port ${KUBELET_PORT} externally since it is used by kubelet`,
        ),
      );
  return errors;
}

const KUBELET_PORT = 10_250;

/** Which endpoints get what comes from where. */
function traffic(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const isNodePort = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  const isExternal = isNodePort || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);
  const policy = spec.externalTrafficPolicy;
  if (!isExternal && policy)
    errors.push(
      invalid('spec.externalTrafficPolicy', policy, 'may only be set for externally-accessible services'),
    );
  if (!(spec.type === 'LoadBalancer' && policy === 'Local') && spec.healthCheckNodePort)
    errors.push(
      invalid(
        'spec.healthCheckNodePort',
        spec.healthCheckNodePort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    );
  const distribution = spec.trafficDistribution;
  if (distribution !== undefined && !DISTRIBUTIONS.includes(distribution))
    errors.push(notSupported('spec.trafficDistribution', distribution, DISTRIBUTIONS));
  return errors;
}

const DISTRIBUTIONS = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];

function ports(list: readonly ServicePort[], type: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
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
    if (entry.appProtocol !== undefined)
      errors.push(
        ...checkQualifiedName(entry.appProtocol).map((text) =>
          invalid(`${at}.appProtocol`, entry.appProtocol, text),
        ),
      );
    const nodePort = `${entry.protocol ?? 'TCP'}/${entry.nodePort}`;
    if (entry.nodePort && nodePorts.has(nodePort)) errors.push(duplicate(`${at}.nodePort`, entry.nodePort));
    nodePorts.add(nodePort);
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

/** A cluster address, once given, stays until the service stops having one; so does the class of a load balancer. */
export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const now = service.spec;
  const before = old.spec;
  const errors: FieldError[] = [];
  if (before?.type === 'LoadBalancer' && now?.type === 'LoadBalancer') {
    if (now.loadBalancerClass !== before.loadBalancerClass)
      errors.push(invalid('spec.loadBalancerClass', now.loadBalancerClass, 'may not change once set'));
    const isLocal = [now, before].every(({ externalTrafficPolicy }) => externalTrafficPolicy === 'Local');
    if (isLocal && now.healthCheckNodePort !== before.healthCheckNodePort)
      errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'));
  }
  if (now?.type === 'ExternalName' || before?.type === 'ExternalName') return errors;
  const address = now?.clusterIPs?.[0] ?? now?.clusterIP ?? '';
  const given = before?.clusterIPs?.[0] ?? before?.clusterIP ?? '';
  if (given !== '' && address !== given)
    errors.push(invalid('spec.clusterIPs[0]', now?.clusterIPs ?? [address], 'may not change once set'));
  return errors;
}
