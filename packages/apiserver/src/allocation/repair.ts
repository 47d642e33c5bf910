/**
 * Makes what the bookkeeping of addresses lacks, at the beginning of a term: the default range as an object, and the
 * `IPAddress` of every Service that has none, because somebody deleted it or an older version kept no such objects.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { type Service, storageKey } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import type { Writer } from '../self-writer.ts';
import type { ServerState } from '../server-state.ts';
import { addressObject, ServiceAddresses } from './addresses.ts';

/** Services looked through before other work gets a turn. */
const burst = 100;

/** Throws when the store cannot be written; the caller tries again. */
export async function repairAddresses(writer: Writer, server: ServerState): Promise<void> {
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
    if (address === '' || address === 'None' || spec?.type === 'ExternalName') continue;
    if (known.has(addresses.key(address))) continue;
    const owner = { namespace: metadata?.namespace ?? '', name: metadata?.name ?? '' };
    await ensure(writer, 'ipaddresses', addressObject(address, owner));
  }
}

async function ensure(writer: Writer, resource: string, object: ApiObject): Promise<void> {
  await writer.create(resource, '', object).catch((error: unknown) => {
    if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') throw error;
  });
}
