/**
 * Keeps claims that pods use: they are born with a finalizer, and lose it when they are deleted and no pod has them as a
 * volume any more. A cache that lags must not cost anyone a volume: the API server is asked before the finalizer goes.
 */
import { type Pod, resources } from '@timonier/api';
import { isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { claimsOf, decide, finalizer } from './decide.ts';

export function startClaimProtection(context: LoopContext): Stoppable {
  const { informers } = context;
  const claims = informers.persistentvolumeclaims;
  const leaving = (pod: Pod): string[] =>
    claimsOf(pod)
      .map((name) => `${pod.metadata?.namespace ?? ''}/${name}`)
      .filter((key) => claims.get(parseKey(key))?.metadata?.deletionTimestamp !== undefined);
  return startQueueLoop(context, {
    name: 'pvcprotection',
    concurrency: 2,
    feeds: [feed(claims, (claim) => [objectKey(claim)]), feed(informers.pods, leaving)],
    sync: (key) => sync(context, key),
  });
}

async function sync({ client, informers, term }: LoopContext, key: string): Promise<void> {
  const at = parseKey(key);
  const claim = informers.persistentvolumeclaims.get(at);
  if (claim === undefined) return;
  const namespace = at.namespace ?? '';
  let decision = decide(claim, informers.pods.byIndex('namespace', namespace));
  if (decision === 'remove')
    decision = decide(claim, (await client.list(resources.pods, { namespace })).items);
  if (decision === 'keep') return;
  const { uid, resourceVersion, finalizers = [] } = claim.metadata ?? {};
  const others = finalizers.filter((name) => name !== finalizer);
  const wanted = decision === 'add' ? [...others, finalizer] : others;
  const patch = { metadata: { uid, resourceVersion, finalizers: wanted } };
  try {
    await client.patch(resources.persistentvolumeclaims, at, 'merge', patch, term.write);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
