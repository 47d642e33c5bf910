/**
 * Makes what the bookkeeping of addresses and ports lacks, at the beginning of a term: the default range as an object, the
 * `IPAddress` of every Service that has none, because somebody deleted it or an older version kept no such objects, and the key
 * of every port on nodes that a Service has and an older version did not reserve. And gives back the ports of Services that are
 * gone and could not take them along, because nobody could read them any more.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { type ResourceInfo, type Service, storageKey } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import { notActive, officeKey } from '../pipeline/fence-gate.ts';
import type { Writer } from '../self-writer.ts';
import type { ServerState } from '../server-state.ts';
import type { Compare } from '../storage/etcd-messages.ts';
import { rangeEnd } from '../storage/keys.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import { portsOf } from '../strategies/services.ts';
import { addressObject, ServiceAddresses } from './addresses.ts';
import { portKey, portKeys } from './allocations.ts';

/** Services looked through before other work gets a turn. */
const burst = 100;

/** Throws when the store cannot be written; the caller tries again. */
export async function repairAllocations(writer: Writer, server: ServerState): Promise<void> {
  await ensure(writer, 'servicecidrs', {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: [server.allocations.defaultRange.cidr] },
  });
  const info = server.registry.lookup('', 'v1', 'services');
  if (info === undefined) return;
  const addresses = new ServiceAddresses(server);
  const known = server.cache.resource('ipaddresses').index;
  const prefix = storageKey(info, undefined, undefined, server.root);
  const services = server.cache.resource(info.storagePrefix ?? '').index.getRange(prefix, `${prefix}~`);
  for (const [i, [, stored]] of services.entries()) {
    if (i % burst === burst - 1) await turn();
    const { metadata, spec } = stored.object() as Service;
    const address = spec?.clusterIP ?? '';
    const owner = { namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' };
    for (const port of portsOf(spec ?? {}))
      if (!server.allocations.isUsed(port))
        await reserve(server, port, `${owner.namespace}/${owner.name}`, stored);
    if (address === '' || address === 'None' || spec?.type === 'ExternalName') continue;
    if (known.has(addresses.key(address))) continue;
    await ensure(writer, 'ipaddresses', addressObject(address, owner));
  }
  await giveBack(server, info);
}

/** Ports whose Service, as their key has it, is not there or has others. */
async function giveBack(server: ServerState, info: ResourceInfo): Promise<void> {
  const { store, cache, reads, root } = server;
  const { kvs, header } = await store.range({ key: portKeys, rangeEnd: rangeEnd(portKeys) });
  await reads.reached(header?.revision ?? 0);
  const { index } = cache.resource(info.storagePrefix ?? '');
  for (const kv of kvs) {
    const [namespace = '', name = ''] = kv.value.toString().split('/');
    const key = storageKey(info, namespace, name, root);
    const service = index.get(key);
    const port = Number(kv.key.toString().slice(portKeys.length));
    const { spec } = (service?.object() ?? {}) as Service;
    if (cache.unreadable(key) !== undefined || portsOf(spec ?? {}).includes(port)) continue;
    const { succeeded } = await store.txn(
      [
        { key, target: 'MOD', result: 'EQUAL', modRevision: service?.revision ?? 0 },
        { key: portKey(port), target: 'MOD', result: 'EQUAL', modRevision: kv.modRevision },
        ...officeCondition(server),
      ],
      [{ requestDeleteRange: { key: portKey(port) } }],
      [],
    );
    if (succeeded)
      server.log.info(
        { port, service: `${namespace}/${name}` },
        'gave back a port on nodes of a service that has it no more',
      );
  }
}

/** Throws 503 when this server is not in office. */
function officeCondition({ office }: ServerState): Compare[] {
  if (office === undefined) return [];
  const { token } = office.state;
  if (token === null) throw notActive();
  return [{ key: officeKey, target: 'VALUE', result: 'EQUAL', value: token }];
}

/** Unless somebody has it meanwhile, or the service has changed. */
async function reserve(
  server: ServerState,
  port: number,
  owner: string,
  service: StoredObject,
): Promise<void> {
  const compare: Compare[] = [
    { key: service.key, target: 'MOD', result: 'EQUAL', modRevision: service.revision },
    { key: portKey(port), target: 'CREATE', result: 'EQUAL', createRevision: 0 },
    ...officeCondition(server),
  ];
  await server.store.txn(compare, [{ requestPut: { key: portKey(port), value: owner } }], []);
}

async function ensure(writer: Writer, resource: string, object: ApiObject): Promise<void> {
  await writer.create(resource, '', object).catch((error: unknown) => {
    if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') throw error;
  });
}
