/** Keeps the Endpoints of every Service with a selector in step with its pods, and takes them away with it. */
import { resources } from '@timonier/api';
import {
  isAlreadyExists,
  isConflict,
  isNotFound,
  objectKey,
  parseKey,
  type Stoppable,
} from '@timonier/client';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { servicesOf } from '../services-of-pod.ts';
import { decide, managedBy, managedByLabel } from './decide.ts';

const observeForMs = 2_000;

export function startEndpointsController(context: LoopContext): Stoppable {
  const { informers } = context;
  return startQueueLoop(context, {
    name: 'endpoint',
    concurrency: 5,
    feeds: [
      feed(informers.services, (service) => [objectKey(service)]),
      feed(informers.pods, (pod) => servicesOf(informers, pod).map((service) => objectKey(service))),
      feed(informers.endpoints, (endpoints) => [objectKey(endpoints)]),
    ],
    sync: (key) => sync(context, key),
  });
}

async function sync(context: LoopContext, key: string): Promise<void> {
  const { client, informers, term } = context;
  const service = informers.services.get(parseKey(key));
  const stored = informers.endpoints.get(parseKey(key));
  if (service === undefined) {
    // What somebody made for a service of their own is theirs.
    if (stored?.metadata?.labels?.[managedByLabel] === managedBy) await remove(context, key);
    return;
  }
  const pods = informers.pods.byIndex('namespace', service.metadata?.namespace ?? '');
  const wanted = decide({ service, pods, stored });
  if (wanted === undefined) return;
  try {
    const written =
      stored === undefined
        ? await client.create(resources.endpoints, wanted, term.write)
        : await client.update(resources.endpoints, wanted, term.write);
    const revision = Number(written.metadata?.resourceVersion ?? 0);
    await informers.endpoints.catchUp(revision, term.signal, observeForMs);
  } catch (error) {
    // The cache will show what is there, and with it comes the next sync.
    if (!isAlreadyExists(error) && !isConflict(error) && !isNotFound(error)) throw error;
  }
}

async function remove({ client, term }: LoopContext, key: string): Promise<void> {
  try {
    await client.delete(resources.endpoints, parseKey(key), term.write);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
