/** Removes Jobs whose time to live after their end is over, and their pods before them. */
import { resources } from '@timonier/api';
import { isConflict, isNotFound, objectKey, parseKey, type Stoppable } from '@timonier/client';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { expiresInMs } from './decide.ts';

export function startTtlAfterFinished(context: LoopContext): Stoppable {
  const { client, informers, term } = context;
  return startQueueLoop(context, {
    name: 'ttlafterfinished',
    concurrency: 2,
    feeds: [
      feed(informers.jobs, (job) =>
        job.spec?.ttlSecondsAfterFinished === undefined ? [] : [objectKey(job)],
      ),
    ],
    sync: async (key) => {
      const job = informers.jobs.get(parseKey(key));
      const wait = job === undefined ? undefined : expiresInMs(job, Date.now());
      if (job === undefined || wait === undefined) return undefined;
      if (wait > 0) return { againAfterMs: wait };
      const { uid, resourceVersion } = job.metadata ?? {};
      try {
        // Not one that has been changed since: its time may have been made longer.
        await client.delete(resources.jobs, parseKey(key), {
          ...term.write,
          propagationPolicy: 'Foreground',
          preconditions: {
            ...(uid === undefined ? {} : { uid }),
            ...(resourceVersion === undefined ? {} : { resourceVersion }),
          },
        });
      } catch (error) {
        // Changed or gone: the cache will tell, and asks again.
        if (!isNotFound(error) && !isConflict(error)) throw error;
      }
      return undefined;
    },
  });
}
