/**
 * Services: their cluster address and node ports. Both are reserved in the transaction that writes the Service, kept
 * over updates that leave them out, and released when the Service goes or no longer wants them.
 */
import { type Service, type ServiceSpec, storageKey } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { internalError, invalid, StatusError } from '@timonier/api/statuses';
import { type Owner, ServiceAddresses } from '../allocation/addresses.ts';
import { type Holdings, nothingHeld, portExtras, portKey } from '../allocation/allocations.ts';
import type { CommitExtras } from '../pipeline/commit-extras.ts';
import type { ServerState, WriteContext } from '../server-state.ts';
import type { RequestOp } from '../storage/etcd-messages.ts';
import {
  completeNew,
  completeUpdated,
  mayHaveNodePorts,
  nodePortsOf,
  wantsHealthCheck,
  wantsNodePorts,
} from './service-fields.ts';
import type { Strategy } from './strategy.ts';

export const serviceStrategy: Strategy = {
  createsOnUpdate: true,
  prepareCreate(object) {
    completeNew(object);
  },
  prepareUpdate(object, old) {
    completeUpdated(object, old);
  },
  async reserve(object, old, context) {
    const held = holdingsOf(old);
    const service = object as unknown as Service | undefined;
    if (service?.spec !== undefined) await allocate(service, old === undefined, held, context);
    const { namespace = '', name = '' } = (object ?? old)?.metadata ?? {};
    const owner = { namespace, name };
    const extras = await extrasOf(owner, held, holdingsOf(object), context);
    if (object !== undefined) return extras;
    const endpoints = endpointsOf(owner, context.server);
    if (endpoints === undefined) return extras;
    const gone: RequestOp = { requestDeleteRange: { key: endpoints } };
    return { compare: extras?.compare ?? [], success: [...(extras?.success ?? []), gone] };
  },
};

async function extrasOf(
  owner: Owner,
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

/**
 * The key of the endpoints that go with a service, so that a new one of the name does not begin with those of the old; undefined
 * where there are none, or something else keeps them.
 */
function endpointsOf({ namespace, name }: Owner, server: ServerState): string | undefined {
  const info = server.registry.lookup('', 'v1', 'endpoints');
  if (info === undefined) return undefined;
  const key = storageKey(info, namespace, name, server.root);
  const found = server.cache.resource(info.storagePrefix ?? '').index.get(key);
  return found === undefined || (found.object().metadata?.finalizers ?? []).length > 0 ? undefined : key;
}

function wantsAddress(spec: ServiceSpec): boolean {
  return spec.type !== 'ExternalName' && spec.clusterIP !== 'None';
}

async function allocate(
  service: Service,
  isNew: boolean,
  held: Holdings,
  context: WriteContext,
): Promise<void> {
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
  const taken = new Set(nodePortsOf(spec));
  if (mayHaveNodePorts(spec)) await allocateNodePorts(service, isNew, taken, held, context);
  if (wantsHealthCheck(spec)) await allocateHealthCheck(spec, taken, held, context);
}

/**
 * Gives ports on nodes to those that are to have one, and checks those that were chosen, which need no type that wants them. In
 * a new service one number on all protocols is one on nodes, too, as DNS needs it.
 */
async function allocateNodePorts(
  service: Service,
  isNew: boolean,
  taken: Set<number>,
  held: Holdings,
  { server }: WriteContext,
): Promise<void> {
  const spec = service.spec ?? {};
  const ports = spec.ports ?? [];
  const heldPorts = new Set(held.ports);
  /** Whose each chosen one is, and what each number of a new service has on nodes: there may be tens of thousands. */
  const owners = new Map<number, number>();
  const given = new Map<number, number>();
  if (isNew)
    for (const { port, nodePort } of ports) if (nodePort && !given.has(port)) given.set(port, nodePort);
  const others = new Set([...taken, spec.healthCheckNodePort ?? 0]);
  for (const [index, port] of ports.entries()) {
    const chosen = port.nodePort ?? 0;
    if (chosen !== 0) {
      if (isNew && (owners.get(chosen) ?? port.port) !== port.port) throw allocated(service, index, chosen);
      owners.set(chosen, port.port);
      if (!heldPorts.has(chosen)) await checkPort(service, index, chosen, server);
      continue;
    }
    if (!wantsNodePorts(spec)) continue;
    const free = given.get(port.port) ?? server.allocations.freeNodePort(others);
    if (free === undefined)
      throw new StatusError(internalError('failed to allocate a nodePort: range is full'));
    port.nodePort = free;
    owners.set(free, port.port);
    if (isNew) given.set(port.port, free);
    taken.add(free);
    others.add(free);
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
    : isOther || (await isTaken(context.server, portKey(chosen)))
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
      `failed to allocate IP ${address}: the provided network does not match the current range`,
      [address],
    );
  if (await isTaken(context.server, addresses.key(address)))
    throw refused(service, field, `failed to allocate IP ${address}: provided IP is already allocated`, [
      address,
    ]);
}

async function checkPort(
  service: Service,
  index: number,
  number: number,
  server: ServerState,
): Promise<void> {
  const { allocations } = server;
  const field = `spec.ports[${index}].nodePort`;
  if (!allocations.isNodePort(number))
    throw refused(
      service,
      field,
      `provided port is not in the valid range. The range of valid ports is ${allocations.nodePortRange}`,
      number,
    );
  if (await isTaken(server, portKey(number))) throw allocated(service, index, number);
}

function allocated(service: Service, index: number, number: number): StatusError {
  return refused(service, `spec.ports[${index}].nodePort`, 'provided port is already allocated', number);
}

/** What was chosen by hand must be free in the store, not only as far as this server has heard. */
async function isTaken(server: ServerState, key: string): Promise<boolean> {
  const { count } = await server.store.range({ key, countOnly: true });
  return count > 0;
}

function refused(
  service: Service,
  field: string,
  detail: string,
  value: readonly string[] | number,
): StatusError {
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

/** Ports on nodes that are reserved for a service, each once. */
export function portsOf(spec: ServiceSpec): number[] {
  const ports = mayHaveNodePorts(spec) ? nodePortsOf(spec) : [];
  if (wantsHealthCheck(spec) && spec.healthCheckNodePort) ports.push(spec.healthCheckNodePort);
  return [...new Set(ports)];
}
