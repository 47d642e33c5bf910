/** Makes the claims of pods' ephemeral volumes; the collector removes them with their pods. */
import { type PersistentVolumeClaim, type Pod, resources } from '@timonier/api';
import { isAlreadyExists, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { controllerOf } from '../owner.ts';
import { observeForMs } from '../pod-control.ts';
import { decide, hasEphemeralVolumes } from './decide.ts';

export function startEphemeralVolumes(context: LoopContext): Stoppable {
  const { informers } = context;
  return startQueueLoop(context, {
    name: 'ephemeral_volume',
    concurrency: 2,
    feeds: [
      feed(informers.pods, (pod) => (hasEphemeralVolumes(pod) ? [objectKey(pod)] : [])),
      feed(informers.persistentvolumeclaims, ownersOf),
    ],
    sync: async (key) => {
      const pod = informers.pods.get(parseKey(key));
      if (pod !== undefined) await sync(context, pod);
    },
  });
}

function ownersOf(claim: PersistentVolumeClaim): string[] {
  const owner = controllerOf(claim);
  return owner?.kind === 'Pod' ? [`${claim.metadata?.namespace ?? ''}/${owner.name}`] : [];
}

async function sync({ client, informers, recorder, term }: LoopContext, pod: Pod): Promise<void> {
  const claims = informers.persistentvolumeclaims;
  const { namespace } = pod.metadata ?? {};
  const { create, problems } = decide(pod, (name) => claims.get({ namespace, name }));
  const failures: unknown[] = problems.map((problem) => new Error(problem));
  for (const problem of problems) recorder.event(pod, 'Warning', 'FailedBinding', problem);
  for (const { volume, claim } of create) {
    try {
      const type = resources.persistentvolumeclaims;
      const created = await client.create<PersistentVolumeClaim>(type, claim, term.write);
      await claims.catchUp(Number(created.metadata?.resourceVersion ?? 0), term.signal, observeForMs);
    } catch (error) {
      failures.push(error);
      // Somebody was quicker; whose it is shows when it is in the cache.
      if (isAlreadyExists(error)) continue;
      const message = error instanceof Error ? error.message : String(error);
      const what = `ephemeral volume ${volume}: create PVC ${claim.metadata?.name ?? ''}: ${message}`;
      recorder.event(pod, 'Warning', 'FailedBinding', what);
    }
  }
  if (failures.length > 0) throw failures[0];
}
