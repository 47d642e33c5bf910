/** Keeps the EndpointSlices of every Service with a selector in step with its pods. */
import { resources } from '@timonier/api';
import { isAlreadyExists, isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { serviceNameLabel } from '../informers.ts';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { servicesOf } from '../services-of-pod.ts';
import { decide, managedBy, managedByLabel } from './decide.ts';

const observeForMs = 2_000;

export function startEndpointSliceController(context: LoopContext): Stoppable {
  const { informers } = context;
  return startQueueLoop(context, {
    name: 'endpointslice',
    concurrency: 5,
    feeds: [
      feed(informers.services, (service) => [objectKey(service)]),
      feed(informers.pods, (pod) => servicesOf(informers, pod).map((service) => objectKey(service))),
      feed(informers.endpointslices, (slice) => {
        const name = slice.metadata?.labels?.[serviceNameLabel];
        const ours = slice.metadata?.labels?.[managedByLabel] === managedBy;
        return ours && name !== undefined ? [`${slice.metadata?.namespace ?? ''}/${name}`] : [];
      }),
    ],
    sync: (key) => sync(context, key),
  });
}

async function sync(context: LoopContext, key: string): Promise<void> {
  const { client, informers, term } = context;
  const service = informers.services.get(parseKey(key));
  const slices = informers.endpointslices
    .byIndex('service', key)
    .filter((slice) => slice.metadata?.labels?.[managedByLabel] === managedBy);
  // Slices of a service that is gone are the garbage collector's.
  if (service === undefined) return;
  const pods = informers.pods.byIndex('namespace', service.metadata?.namespace ?? '');
  const decision = decide({ service, pods, slices });
  let revision = 0;
  const note = (object: { metadata?: { resourceVersion?: string } }): void => {
    revision = Math.max(revision, Number(object.metadata?.resourceVersion ?? 0));
  };
  // Additions first: an endpoint that moves between slices is better seen twice than not at all.
  for (const slice of decision.create) {
    try {
      note(await client.create(resources.endpointslices, slice, term.write));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
  for (const slice of decision.update) note(await client.update(resources.endpointslices, slice, term.write));
  for (const { metadata } of decision.delete) {
    try {
      const { name = '', namespace } = metadata ?? {};
      await client.delete(resources.endpointslices, { namespace, name }, term.write);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  if (revision > 0) await informers.endpointslices.catchUp(revision, term.signal, observeForMs);
}
