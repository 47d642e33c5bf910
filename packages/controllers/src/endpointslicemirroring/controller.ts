/** Mirrors Endpoints that somebody writes by hand to EndpointSlices, which is what proxies and name servers read. */
import { type EndpointSlice, resources } from '@timonier/api';
import { isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { managedByLabel } from '../endpointslice/decide.ts';
import { serviceNameLabel } from '../informers.ts';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { observeForMs } from '../pod-control.ts';
import { decide, managedBy } from './decide.ts';

export function startEndpointSliceMirroring(context: LoopContext): Stoppable {
  const { informers } = context;
  return startQueueLoop(context, {
    name: 'endpointslicemirroring',
    concurrency: 5,
    feeds: [
      feed(informers.endpoints, (endpoints) => [objectKey(endpoints)]),
      feed(informers.services, (service) => [objectKey(service)]),
      feed(informers.endpointslices, (slice) => {
        const name = slice.metadata?.labels?.[serviceNameLabel];
        return isOurs(slice) && name !== undefined ? [`${slice.metadata?.namespace ?? ''}/${name}`] : [];
      }),
    ],
    sync: (key) => sync(context, key),
  });
}

function isOurs({ metadata }: EndpointSlice): boolean {
  return metadata?.labels?.[managedByLabel] === managedBy;
}

async function sync({ client, informers, recorder, term }: LoopContext, key: string): Promise<void> {
  const endpoints = informers.endpoints.get(parseKey(key));
  const decision = decide({
    endpoints,
    service: informers.services.get(parseKey(key)),
    slices: informers.endpointslices.byIndex('service', key).filter(isOurs),
  });
  if (endpoints !== undefined)
    for (const { reason, message } of decision.events) recorder.event(endpoints, 'Warning', reason, message);
  const type = resources.endpointslices;
  let revision = 0;
  for (const slice of decision.create) {
    const created = await client.create<EndpointSlice>(type, slice, term.write);
    revision = Number(created.metadata?.resourceVersion ?? 0);
  }
  for (const slice of decision.update) {
    const updated = await client.update<EndpointSlice>(type, slice, term.write);
    revision = Number(updated.metadata?.resourceVersion ?? 0);
  }
  for (const { metadata } of decision.delete) {
    const { name = '', namespace } = metadata ?? {};
    await client.delete(type, { namespace, name }, term.write).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
  if (revision > 0) await informers.endpointslices.catchUp(revision, term.signal, observeForMs);
  const gone = (): boolean =>
    decision.delete.every(({ metadata }) => {
      const cached = informers.endpointslices.get({
        namespace: metadata?.namespace,
        name: metadata?.name ?? '',
      });
      return cached?.metadata?.uid !== metadata?.uid;
    });
  if (decision.delete.length > 0) await informers.endpointslices.until(gone, term.signal, observeForMs);
}
