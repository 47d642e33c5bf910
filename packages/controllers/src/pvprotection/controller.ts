/** Keeps volumes that are bound to a claim: they lose the finalizer they are born with when nothing is bound any more. */
import { resources } from '@timonier/api';
import { isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { decide, finalizer } from './decide.ts';

export function startVolumeProtection(context: LoopContext): Stoppable {
  const { informers } = context;
  return startQueueLoop(context, {
    name: 'pvprotection',
    concurrency: 1,
    feeds: [feed(informers.persistentvolumes, (volume) => [objectKey(volume)])],
    sync: (key) => sync(context, key),
  });
}

async function sync({ client, informers, term }: LoopContext, key: string): Promise<void> {
  const at = parseKey(key);
  const volume = informers.persistentvolumes.get(at);
  if (volume === undefined) return;
  const decision = decide(volume);
  if (decision === 'keep') return;
  const { uid, resourceVersion, finalizers = [] } = volume.metadata ?? {};
  const others = finalizers.filter((name) => name !== finalizer);
  const wanted = decision === 'add' ? [...others, finalizer] : others;
  // The version that was looked at: a volume that was bound meanwhile is a conflict.
  const patch = { metadata: { uid, resourceVersion, finalizers: wanted } };
  try {
    await client.patch(resources.persistentvolumes, at, 'merge', patch, term.write);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
