/** Lets go of pods that nobody will count any more: their Job is gone, has ended, or never was theirs. */
import type { Job, Pod } from '@timonier/api';
import { objectKey, parseKey, type Stoppable } from '@timonier/client';
import { feed, type Feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { controllerOf } from '../owner.ts';
import { removeFinalizers } from '../pod-control.ts';
import { isFinished } from './conditions.ts';
import { isTracked, trackingFinalizer } from './pods.ts';

export function startOrphanRelease(context: LoopContext): Stoppable {
  const { informers } = context;
  return startQueueLoop(context, {
    name: 'job-orphan-pods',
    concurrency: 5,
    feeds: [feed(informers.pods, (pod) => (isTracked(pod) ? [objectKey(pod)] : [])), endedJobs(context)],
    sync: async (key) => {
      const pod = informers.pods.get(parseKey(key));
      if (pod === undefined || !isTracked(pod)) return;
      const owner = controllerOf(pod);
      const name = { namespace: pod.metadata?.namespace, name: owner?.name ?? '' };
      if (isForsaken(pod, informers.jobs.get(name)))
        await removeFinalizers(context, pod, [trackingFinalizer]);
    },
  });
}

function endedJobs({ informers }: LoopContext): Feed {
  return {
    subscribe: (enqueue) =>
      informers.jobs.on(({ type, object }) => {
        if (type !== 'deleted' && !isFinished(object)) return;
        for (const pod of informers.pods.byIndex('owner', object.metadata?.uid ?? ''))
          enqueue(objectKey(pod));
      }),
  };
}

/** `job` has the name of the pod's owner. */
export function isForsaken(pod: Pod, job: Job | undefined): boolean {
  const owner = controllerOf(pod);
  if (owner === undefined) return true;
  if (owner.kind !== 'Job' || owner.apiVersion !== 'batch/v1') return false;
  if (job === undefined || job.metadata?.uid !== owner.uid) return true;
  return job.spec?.managedBy === undefined && isFinished(job);
}
