/** Sweeps pods that nobody else cleans up: when a node goes, when a deleted pod has none, and every 20 s. */
import { resources } from '@timonier/api';
import { isNotFound, type Stoppable } from '@timonier/client';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';
import { decide } from './decide.ts';

const sweepEveryMs = 20_000;
/** How long a node must be gone before its pods are. */
const quarantineMs = 10_000;

export function startPodGc(context: LoopContext): Stoppable {
  const { client, informers, term, settings, log } = context;
  const missingSince = new Map<string, number>();
  return startQueueLoop(context, {
    name: 'podgc',
    concurrency: 1,
    feeds: [
      { subscribe: (enqueue) => (enqueue('sweep'), () => undefined) },
      { subscribe: (enqueue) => informers.nodes.on(({ type }) => type === 'deleted' && enqueue('sweep')) },
      feed(informers.pods, (pod) => {
        const stranded = pod.metadata?.deletionTimestamp !== undefined && (pod.spec?.nodeName ?? '') === '';
        return stranded ? ['sweep'] : [];
      }),
    ],
    sync: async () => {
      const now = performance.now();
      const nodes = new Set(informers.nodes.list().map((node) => node.metadata?.name ?? ''));
      const pods = informers.pods.list();
      const missing = new Set(
        pods.map((pod) => pod.spec?.nodeName ?? '').filter((name) => name !== '' && !nodes.has(name)),
      );
      for (const name of missingSince.keys()) if (!missing.has(name)) missingSince.delete(name);
      for (const name of missing) if (!missingSince.has(name)) missingSince.set(name, now);
      const { remove } = decide({
        pods,
        nodes,
        missingForMs: (name) => now - (missingSince.get(name) ?? now),
        quarantineMs,
        terminatedPodThreshold: settings.terminatedPodThreshold,
      });
      for (const { pod, reason } of remove) {
        const { name = '', namespace, uid } = pod.metadata ?? {};
        log.info({ pod: `${namespace ?? ''}/${name}`, reason }, 'removing a pod that nobody else cleans up');
        try {
          const preconditions = uid === undefined ? {} : { preconditions: { uid } };
          const options = { ...term.write, gracePeriodSeconds: 0, ...preconditions };
          await client.delete(resources.pods, { namespace, name }, options);
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }
      return { againAfterMs: missing.size > 0 ? quarantineMs / 4 : sweepEveryMs };
    },
  });
}
