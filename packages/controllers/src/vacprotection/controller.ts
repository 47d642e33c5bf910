/**
 * Keeps classes of volume attributes that are in use: they are born with a finalizer, and lose it when they are deleted and
 * neither a claim nor a volume names them any more. A cache that lags must not cost a class that somebody began to use: the
 * API server is asked before the finalizer goes.
 */
import { resources, type VolumeAttributesClass } from '@timonier/api';
import { isNotFound, parseKey, type Stoppable } from '@timonier/client';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { classesOfClaim, classesOfVolume, decide, finalizer } from './decide.ts';

export function startAttributesClassProtection(context: LoopContext): Stoppable {
  const { volumeattributesclasses: classes, persistentvolumeclaims, persistentvolumes } = context.informers;
  const going = (): string[] =>
    classes
      .list()
      .filter(({ metadata }) => metadata?.deletionTimestamp !== undefined)
      .map(({ metadata }) => metadata?.name ?? '');
  return startQueueLoop(context, {
    name: 'vacprotection',
    concurrency: 1,
    feeds: [
      feed(classes, ({ metadata }) => [metadata?.name ?? '']),
      // What a claim or a volume let go of is not told: few classes are ever on their way out.
      feed(persistentvolumeclaims, going),
      feed(persistentvolumes, going),
    ],
    sync: (key) => sync(context, key),
  });
}

async function sync({ client, informers, term }: LoopContext, key: string): Promise<void> {
  const at = parseKey(key);
  const found = informers.volumeattributesclasses.get(at);
  if (found === undefined) return;
  const names = (classes: readonly string[]): boolean => classes.includes(at.name);
  const isUsed = (): boolean =>
    informers.persistentvolumes.list().some((volume) => names(classesOfVolume(volume))) ||
    informers.persistentvolumeclaims.list().some((claim) => names(classesOfClaim(claim)));
  let decision = decide(found, isUsed);
  if (decision === 'remove') {
    const volumes = (await client.list(resources.persistentvolumes)).items;
    const claims = (await client.list(resources.persistentvolumeclaims)).items;
    decision = decide(
      found,
      () =>
        volumes.some((volume) => names(classesOfVolume(volume))) ||
        claims.some((claim) => names(classesOfClaim(claim))),
    );
  }
  if (decision === 'keep') return;
  const others = (found.metadata?.finalizers ?? []).filter((name) => name !== finalizer);
  const finalizers = decision === 'add' ? [...others, finalizer] : others;
  // Of the version that was looked at.
  const changed: VolumeAttributesClass = { ...found, metadata: { ...found.metadata, finalizers } };
  try {
    await client.update(resources.volumeattributesclasses, changed, term.write);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
