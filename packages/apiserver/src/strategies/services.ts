/**
 * Services: their cluster address and node ports. Both are reserved in the transaction that writes the Service, kept
 * over updates that leave them out, and released when the Service goes or no longer wants them.
 */
import type { Service, ServicePort, ServiceSpec } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { internalError, invalid, StatusError } from '@timonier/api/statuses';
import { ServiceAddresses } from '../allocation/addresses.ts';
import {
  type Allocations,
  type Holdings,
  nothingHeld,
  portExtras,
  portKey,
} from '../allocation/allocations.ts';
import type { CommitExtras } from '../pipeline/commit-extras.ts';
import type { WriteContext } from '../server-state.ts';
import type { Strategy } from './strategy.ts';

export const serviceStrategy: Strategy = {
  createsOnUpdate: true,
  prepareCreate(object) {
    const { spec } = object as unknown as Service;
    if (spec !== undefined) setFamilies(spec);
  },
  prepareUpdate(object, old) {
    const { spec } = object as unknown as Service;
    const { spec: before } = old as unknown as Service;
    if (spec === undefined) return;
    if (before !== undefined) {
      followAddress(spec, before);
      dropByType(spec, before);
      carryOver(spec, before);
    }
    setFamilies(spec);
  },
  async reserve(object, old, context) {
    const held = holdingsOf(old);
    const service = object as unknown as Service | undefined;
    if (service?.spec !== undefined) await allocate(service, held, context);
    const { namespace = '', name = '' } = (object ?? old)?.metadata ?? {};
    return extrasOf({ namespace, name }, held, holdingsOf(object), context);
  },
};

async function extrasOf(
  owner: { readonly namespace: string; readonly name: string },
  held: Holdings,
  holds: Holdings,
  { server }: WriteContext,
): Promise<CommitExtras | undefined> {
  const addresses = await new ServiceAddresses(server).extras(owner, held.addresses, holds.addresses);
  const ports = portExtras(`${owner.namespace}/${owner.name}`, held, holds);
  const success = [...addresses.success, ...ports.success];
  if (success.length === 0) return undefined;
  return { compare: [...addresses.compare, ...ports.compare], success };
}

function wantsAddress(spec: ServiceSpec): boolean {
  return spec.type !== 'ExternalName' && spec.clusterIP !== 'None';
}

function wantsNodePorts(spec: ServiceSpec): boolean {
  return (
    spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)
  );
}

/** Whether load balancers ask each node, at a port of its own, if it has endpoints of this service. */
function wantsHealthCheck(spec: ServiceSpec): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

/** Who gives a `clusterIP` alone means that there are no others; `clusterIPs` alone are refused. */
function setFamilies(spec: ServiceSpec): void {
  if (spec.type === 'ExternalName') {
    delete spec.clusterIP;
    delete spec.clusterIPs;
    return;
  }
  const address = spec.clusterIP;
  if (address !== undefined && address !== '') spec.clusterIPs ??= [address];
  spec.ipFamilies ??= ['IPv4'];
  spec.ipFamilyPolicy ??= 'SingleStack';
}

/** Who changes one of the two fields only, and sends the other back, means the one that was changed. */
function followAddress(spec: ServiceSpec, before: ServiceSpec): void {
  const [list, listBefore] = [spec.clusterIPs ?? [], before.clusterIPs ?? []];
  const isSameList = list.length === listBefore.length && list.every((text, i) => text === listBefore[i]);
  if (isSameList && spec.clusterIP !== before.clusterIP) delete spec.clusterIPs;
}

/** What an update leaves out stays as it is. */
function carryOver(spec: ServiceSpec, before: ServiceSpec): void {
  if (
    wantsAddress(spec) &&
    (spec.clusterIP ?? '') === '' &&
    before.clusterIP !== undefined &&
    before.type !== 'ExternalName'
  ) {
    spec.clusterIP = before.clusterIP;
    // Others than before are for validation to refuse.
    if ((spec.clusterIPs ?? []).length === 0) spec.clusterIPs = before.clusterIPs ?? [before.clusterIP];
  }
  if (wantsHealthCheck(spec) && wantsHealthCheck(before)) {
    const check = spec.healthCheckNodePort || before.healthCheckNodePort;
    if (check) spec.healthCheckNodePort = check;
  }
  for (const port of spec.ports ?? []) {
    const same = before.ports?.find((old) => isSamePort(old, port));
    if (wantsNodePorts(spec)) {
      if ((port.nodePort ?? 0) === 0 && same?.nodePort !== undefined) port.nodePort = same.nodePort;
    } else if (wantsNodePorts(before) && port.nodePort === same?.nodePort) {
      // A type that has no node ports gives back those that the old type was given.
      delete port.nodePort;
    }
  }
}

/** What only the old type could have goes with it, when a change of the type left it as it was. */
function dropByType(spec: ServiceSpec, before: ServiceSpec): void {
  const isBalanced = ({ type }: ServiceSpec): boolean => type === 'LoadBalancer';
  const isExternal = ({ type, externalIPs = [] }: ServiceSpec): boolean =>
    type === 'NodePort' || type === 'LoadBalancer' || (type === 'ClusterIP' && externalIPs.length > 0);
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

function isSamePort(a: ServicePort, b: ServicePort): boolean {
  return a.port === b.port && (a.protocol ?? 'TCP') === (b.protocol ?? 'TCP');
}

async function allocate(service: Service, held: Holdings, context: WriteContext): Promise<void> {
  const { allocations } = context.server;
  const spec = service.spec ?? {};
  if (wantsAddress(spec)) {
    const chosen = spec.clusterIP ?? '';
    if (chosen === '') {
      const address = new ServiceAddresses(context.server).free();
      if (address === undefined) throw new StatusError(internalError('no service address is free'));
      spec.clusterIP = address;
      spec.clusterIPs = [address];
    } else if (!held.addresses.includes(chosen)) await checkAddress(service, chosen, context);
  }
  const taken = new Set((spec.ports ?? []).map((port) => port.nodePort ?? 0));
  if (wantsHealthCheck(spec)) await allocateHealthCheck(spec, taken, held, context);
  if (!wantsNodePorts(spec)) return;
  for (const [index, port] of (spec.ports ?? []).entries()) {
    if ((port.nodePort ?? 0) === 0) {
      const free = allocations.freeNodePort(taken);
      if (free === undefined) throw new StatusError(internalError('no node port is free'));
      port.nodePort = free;
      taken.add(free);
    } else if (!held.ports.includes(port.nodePort ?? 0)) await checkPort(service, index, port, context);
  }
}

/** The port is one of the node ports; what is wrong with a chosen one is, as upstream has it, an error of the server. */
async function allocateHealthCheck(
  spec: ServiceSpec,
  taken: Set<number>,
  held: Holdings,
  context: WriteContext,
): Promise<void> {
  const { allocations } = context.server;
  const chosen = spec.healthCheckNodePort ?? 0;
  if (chosen === 0) {
    const free = allocations.freeNodePort(taken);
    if (free === undefined)
      throw new StatusError(internalError('failed to allocate a HealthCheck NodePort: no node port is free'));
    spec.healthCheckNodePort = free;
    taken.add(free);
    return;
  }
  const isOther = taken.has(chosen);
  taken.add(chosen);
  if (held.ports.includes(chosen) && !isOther) return;
  const why = !allocations.isNodePort(chosen)
    ? `provided port is not in the valid range. The range of valid ports is ${allocations.nodePortRange}`
    : isOther || (await isTaken(context, portKey(chosen)))
      ? 'provided port is already allocated'
      : undefined;
  if (why !== undefined)
    throw new StatusError(
      internalError(`failed to allocate requested HealthCheck NodePort ${chosen}: ${why}`),
    );
}

async function checkAddress(service: Service, address: string, context: WriteContext): Promise<void> {
  const addresses = new ServiceAddresses(context.server);
  const field = 'spec.clusterIPs';
  // A range may have been made a moment ago.
  if (!addresses.contains(address)) await context.server.reads.fresh();
  if (!addresses.contains(address))
    throw refused(
      service,
      field,
      `failed to allocate IP ${address}: the provided IP (${address}) is not in the valid range. The range of valid IPs is ${addresses
        .ranges()
        .map(({ cidr }) => cidr)
        .join(', ')}`,
      address,
    );
  if (await isTaken(context, addresses.key(address)))
    throw refused(
      service,
      field,
      `failed to allocate IP ${address}: provided IP is already allocated`,
      address,
    );
}

async function checkPort(
  service: Service,
  index: number,
  port: ServicePort,
  context: WriteContext,
): Promise<void> {
  const { allocations }: { allocations: Allocations } = context.server;
  const number = port.nodePort ?? 0;
  const field = `spec.ports[${index}].nodePort`;
  if (!allocations.isNodePort(number))
    throw refused(
      service,
      field,
      `provided port is not in the valid range. The range of valid ports is ${allocations.nodePortRange}`,
      number,
    );
  if (await isTaken(context, portKey(number)))
    throw refused(service, field, 'provided port is already allocated', number);
}

/** What was chosen by hand must be free in the store, not only as far as this server has heard. */
async function isTaken({ server }: WriteContext, key: string): Promise<boolean> {
  const { count } = await server.store.range({ key, countOnly: true });
  return count > 0;
}

function refused(service: Service, field: string, detail: string, value: string | number): StatusError {
  const message = `${field}: Invalid value: ${JSON.stringify(value)}: ${detail}`;
  return new StatusError(
    invalid({ group: '', kind: 'Service' }, service.metadata?.name ?? '', message, [
      { reason: 'FieldValueInvalid', message: message.slice(field.length + 2), field },
    ]),
  );
}

function holdingsOf(object: ApiObject | undefined): Holdings {
  const spec = (object as unknown as Service | undefined)?.spec;
  if (spec === undefined) return nothingHeld;
  return {
    addresses:
      wantsAddress(spec) && spec.clusterIP !== undefined && spec.clusterIP !== '' ? [spec.clusterIP] : [],
    ports: portsOf(spec),
  };
}

function portsOf(spec: ServiceSpec): number[] {
  const ports = wantsNodePorts(spec) ? (spec.ports ?? []).map((port) => port.nodePort ?? 0) : [];
  if (wantsHealthCheck(spec)) ports.push(spec.healthCheckNodePort ?? 0);
  return [...new Set(ports.filter((port) => port > 0))];
}
