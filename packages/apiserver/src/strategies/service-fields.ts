/**
 * What a Service is before it is judged: what its writer left out is as it was, and what only the old type could have goes with
 * it. As upstream, a field that was changed along with the type is left for validation to refuse.
 */
import type { Service, ServiceSpec } from '@timonier/api';

/** Types that may have ports on nodes, whether or not they are given any. */
export function mayHaveNodePorts({ type }: ServiceSpec): boolean {
  return type === 'NodePort' || type === 'LoadBalancer';
}

/** Whether a port that names no port on nodes is given one. */
export function wantsNodePorts(spec: ServiceSpec): boolean {
  return mayHaveNodePorts(spec) && (spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false);
}

/** Whether load balancers ask each node, at a port of its own, if it has endpoints of this service. */
export function wantsHealthCheck(spec: ServiceSpec): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

/** Without 0, which is none. What can be no port is among them, for somebody to refuse. */
export function nodePortsOf({ ports = [] }: ServiceSpec): number[] {
  return ports.map((port) => port.nodePort ?? 0).filter((port) => port !== 0);
}

export function completeNew({ spec }: Service): void {
  if (spec === undefined) return;
  // Who gives a `clusterIP` alone means that there are no others; `clusterIPs` alone are refused.
  if (spec.clusterIP && isEmpty(spec.clusterIPs)) spec.clusterIPs = [spec.clusterIP];
  setFamilies(spec, undefined);
}

export function completeUpdated(service: Service, old: Service): void {
  const { spec } = service;
  const { spec: before = {} } = old;
  if (spec === undefined) return;
  keepAddress(spec, before);
  keepPorts(spec, before);
  followAddress(spec, before);
  setFamilies(spec, before);
  dropByType(spec, before);
  // That a balancer goes later is its own business.
  if (spec.type !== 'LoadBalancer' && service.status?.loadBalancer !== undefined)
    service.status = { ...service.status, loadBalancer: {} };
}

function isEmpty(list: readonly unknown[] | undefined): boolean {
  return list === undefined || list.length === 0;
}

function isSame(a: readonly string[] = [], b: readonly string[] = []): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}

function isNamed({ type }: ServiceSpec): boolean {
  return type === 'ExternalName';
}

function keepAddress(spec: ServiceSpec, before: ServiceSpec): void {
  if (isNamed(spec) || isNamed(before)) return;
  if (!spec.clusterIP && before.clusterIP) spec.clusterIP = before.clusterIP;
  if (isEmpty(spec.clusterIPs) && !isEmpty(before.clusterIPs))
    spec.clusterIPs = [...(before.clusterIPs ?? [])];
}

/** A port of a service is known by its name: all else about it may have changed. */
function keepPorts(spec: ServiceSpec, before: ServiceSpec): void {
  if (wantsNodePorts(spec) && wantsNodePorts(before)) {
    const given = new Set(nodePortsOf(spec));
    const known = new Map(before.ports?.map(({ name = '', nodePort = 0 }) => [name, nodePort]));
    for (const port of spec.ports ?? []) {
      const kept = known.get(port.name ?? '') ?? 0;
      if (!port.nodePort && kept > 0 && !given.has(kept)) port.nodePort = kept;
    }
  }
  if (wantsHealthCheck(spec) && wantsHealthCheck(before)) {
    const check = spec.healthCheckNodePort || before.healthCheckNodePort;
    if (check) spec.healthCheckNodePort = check;
  }
}

/** Who changes one of the two fields only, and sends the other back, means the one that was changed. */
function followAddress(spec: ServiceSpec, before: ServiceSpec): void {
  const [address, was] = [spec.clusterIP ?? '', before.clusterIP ?? ''];
  if (address === was) {
    if (address !== '' && isEmpty(spec.clusterIPs)) spec.clusterIPs = [...(before.clusterIPs ?? [])];
  } else if (isSame(spec.clusterIPs, before.clusterIPs)) {
    if (address === '') delete spec.clusterIPs;
    else spec.clusterIPs = [address];
  }
}

/** A service that takes what there is keeps what it got until somebody asks for something else. */
function isAsItPreferred(spec: ServiceSpec, before: ServiceSpec | undefined): boolean {
  return (
    before !== undefined &&
    spec.type === before.type &&
    spec.ipFamilyPolicy === 'PreferDualStack' &&
    before.ipFamilyPolicy === 'PreferDualStack' &&
    isSame(spec.clusterIPs, before.clusterIPs) &&
    isSame(spec.ipFamilies, before.ipFamilies)
  );
}

/** Clusters have addresses of IPv4 only. What does not go together is for validation to refuse. */
function setFamilies(spec: ServiceSpec, before: ServiceSpec | undefined): void {
  if (isNamed(spec) || isAsItPreferred(spec, before)) return;
  // Only what somebody writes into the endpoints of such a service is of any family.
  const isFree = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= before?.ipFamilyPolicy ?? (isFree ? 'RequireDualStack' : 'SingleStack');
  const { clusterIPs = [], ipFamilyPolicy } = spec;
  let families = spec.ipFamilies ?? [];
  const isSingle = ipFamilyPolicy === 'SingleStack';
  // The policy alone says that the second is not wanted any more.
  if (isSingle && families.length > 1 && isSame(families, before?.ipFamilies))
    families = families.slice(0, 1);
  if (families.length === 0 && !(clusterIPs[0] ?? '').includes(':')) families = ['IPv4'];
  const isReduced = !isEmpty(spec.ipFamilies) && families.length < (before?.ipFamilies ?? []).length;
  if (isFree && !isSingle && !isReduced && families.length === 1)
    families = [...families, families[0] === 'IPv4' ? 'IPv6' : 'IPv4'];
  if (families.length > 0) spec.ipFamilies = families;
}

function dropByType(spec: ServiceSpec, before: ServiceSpec): void {
  if (isNamed(spec)) {
    if (!isNamed(before)) {
      if (spec.clusterIP === before.clusterIP && isSame(spec.clusterIPs, before.clusterIPs)) {
        delete spec.clusterIP;
        delete spec.clusterIPs;
      }
      if (isSame(spec.ipFamilies, before.ipFamilies)) delete spec.ipFamilies;
      if (spec.ipFamilyPolicy === before.ipFamilyPolicy) delete spec.ipFamilyPolicy;
    }
    delete spec.internalTrafficPolicy;
  }
  if (mayHaveNodePorts(before) && !mayHaveNodePorts(spec)) {
    const had = new Set(nodePortsOf(before));
    if (nodePortsOf(spec).every((port) => had.has(port)))
      for (const port of spec.ports ?? []) delete port.nodePort;
  }
  const isBalanced = ({ type }: ServiceSpec): boolean => type === 'LoadBalancer';
  const isExternal = (one: ServiceSpec): boolean =>
    mayHaveNodePorts(one) || (one.type === 'ClusterIP' && !isEmpty(one.externalIPs));
  const rules = [
    ['allocateLoadBalancerNodePorts', isBalanced],
    ['loadBalancerClass', isBalanced],
    ['healthCheckNodePort', wantsHealthCheck],
    ['externalTrafficPolicy', isExternal],
  ] as const;
  // Who can have the one depends on the other: all are judged before any goes.
  const gone = rules.filter(([field, can]) => can(before) && !can(spec) && spec[field] === before[field]);
  for (const [field] of gone) delete spec[field];
}
