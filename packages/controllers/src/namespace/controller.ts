/**
 * Empties namespaces that are being deleted, kind by kind as discovery lists them, and lets go of each when nothing
 * is left in it.
 */
import { type Namespace, resources } from '@timonier/api';
import { isNotFound, parseKey, type Stoppable } from '@timonier/client';
import type { ServedResources } from '../garbagecollector/monitor.ts';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { decide } from './decide.ts';

const listLimit = 500;
const againAfterMs = 500;
/** Objects of one kind deleted at the same time. */
const parallel = 8;

export function startNamespaceController(context: LoopContext, served: ServedResources): Stoppable {
  const { informers } = context;
  return startQueueLoop(context, {
    name: 'namespace',
    concurrency: 4,
    feeds: [feed(informers.namespaces, (namespace) => [namespace.metadata?.name ?? ''])],
    sync: (key) => sync(context, served, parseKey(key).name),
  });
}

async function sync(
  context: LoopContext,
  served: ServedResources,
  name: string,
): Promise<void | { againAfterMs: number }> {
  const { client, informers, term } = context;
  const namespace = informers.namespaces.get({ name });
  if (namespace === undefined) return undefined;
  if (decide(namespace, 0) === 'nothing') return undefined;
  const remaining = await empty(context, await served.get(), name);
  if (decide(namespace, remaining) === 'wait') return { againAfterMs };
  const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== 'kubernetes');
  const finalized: Namespace = { ...namespace, spec: { ...namespace.spec, finalizers } };
  try {
    await client.update(resources.namespaces, finalized, { ...term.write, subresource: 'finalize' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return undefined;
}

/** Deletes what is not on its way out yet and returns how much was seen, deleted or not. */
async function empty(
  { client, term }: LoopContext,
  types: Awaited<ReturnType<ServedResources['get']>>,
  namespace: string,
): Promise<number> {
  let seen = 0;
  for (const type of types) {
    if (!type.namespaced || !type.verbs.includes('list') || !type.verbs.includes('delete')) continue;
    const { items } = await client.list(type, { namespace, limit: listLimit });
    seen += items.length;
    const going = items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
    for (let i = 0; i < going.length; i += parallel) {
      await Promise.all(
        going.slice(i, i + parallel).map(async ({ metadata }) => {
          try {
            const options = { ...term.write, propagationPolicy: 'Background' } as const;
            await client.delete(type, { namespace, name: metadata?.name ?? '' }, options);
          } catch (error) {
            if (!isNotFound(error)) throw error;
          }
        }),
      );
    }
  }
  return seen;
}
