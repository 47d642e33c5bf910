/**
 * Ranges that addresses of Services come from. A range is ready as soon as it is there, and stays as long as an address
 * of it is in use that no other range has: where upstream's controller holds it by its finalizer that is the
 * controller's business, and the deletion waits; without one it is refused.
 */
import type { IPAddress, ServiceCIDR } from '@timonier/api';
import { conflict, StatusError } from '@timonier/api/statuses';
import { definedRanges } from '../allocation/addresses.ts';
import { isInRange, readRange } from '../allocation/range.ts';
import { timestamp } from '../timestamp.ts';
import type { Strategy } from './strategy.ts';

const controllersFinalizer = 'networking.k8s.io/service-cidr-finalizer';

export const serviceRangeStrategy: Strategy = {
  prepareCreate(object, { server }) {
    (object as unknown as ServiceCIDR).status = {
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          // The words of whoever says so elsewhere: the API server of its own range, a controller of others.
          ...(object.metadata?.name === 'kubernetes'
            ? { reason: '', message: 'Kubernetes default Service CIDR is ready' }
            : { reason: 'RangeAdded', message: 'Kubernetes Service CIDR is ready' }),
          lastTransitionTime: timestamp(server.now()),
        },
      ],
    };
  },
  async checkDelete(object, { server, target }) {
    const { metadata, spec } = object as unknown as ServiceCIDR;
    if (metadata?.finalizers?.includes(controllersFinalizer) === true) return;
    // An address may have been taken a moment ago.
    await server.reads.fresh();
    const name = metadata?.name ?? '';
    const own = (spec?.cidrs ?? []).flatMap((cidr) => readRange(cidr) ?? []);
    const others = [server.allocations.defaultRange, ...definedRanges(server, name)];
    const left = name === 'kubernetes' ? others.slice(1) : others;
    for (const stored of server.cache.resource('ipaddresses').index.values()) {
      const address = (stored.object() as unknown as IPAddress).metadata?.name ?? '';
      if (!own.some((range) => isInRange(range, address))) continue;
      if (left.some((range) => isInRange(range, address))) continue;
      const detail = `the range has addresses in use that no other range has, such as ${address}`;
      throw new StatusError(conflict(target.info, name, detail));
    }
  },
};
