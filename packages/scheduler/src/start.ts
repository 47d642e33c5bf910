/** Puts the scheduler together: its caches, which stay warm while passive, and the loop that runs in each term. */
import { resources } from '@timonier/api';
import {
  CacheTrouble,
  createEventRecorder,
  createInformer,
  lead,
  officeGauge,
  type Stoppable,
} from '@timonier/client';
import type { StartContext } from '@timonier/client/loop-process';
import { schedulerMetrics } from './metrics.ts';
import { defaultProfile, loadProfile, type ProfileData } from './profile.ts';
import { startScheduling } from './scheduler.ts';

/** Starts the scheduler; ready once its caches are filled, also while passive. */
export function startScheduler(
  context: StartContext,
  profiles: readonly ProfileData[] = [defaultProfile],
): Stoppable {
  const { client, log, metrics, health, office } = context;
  const loaded = new Map(profiles.map((data) => [data.schedulerName, loadProfile(data)]));
  const trouble = new CacheTrouble(log);
  const onError = trouble.report;
  const pods = createInformer(client, resources.pods, { onError });
  const nodes = createInformer(client, resources.nodes, { onError });
  let filled = false;
  void Promise.all([pods.synced, nodes.synced]).then(
    () => (filled = true),
    () => undefined,
  );
  health.addReady('scheduler-caches', () => {
    if (!filled) throw new Error(`pods and nodes have not been listed yet${trouble.reason}`);
  });
  const measured = schedulerMetrics(metrics);
  const leader = lead({
    office,
    informers: [pods, nodes],
    onError: (error) => log.warn({ err: error }, 'scheduler cannot take up its term'),
    onActive: officeGauge(metrics, 'kube-scheduler'),
    start: (term) => {
      log.info({ office: term.write.office }, 'scheduling');
      const source = { component: 'default-scheduler' };
      const recorder = createEventRecorder(client, source, () => term.write.office);
      const loop = startScheduling({
        client,
        pods,
        nodes,
        profiles: loaded,
        term,
        recorder,
        metrics: measured,
        log,
      });
      return {
        stop: async () => {
          await loop.stop();
          await recorder.close();
          log.info({}, 'no longer scheduling');
        },
      };
    },
  });
  return {
    stop: async () => {
      await leader.stop();
      await Promise.all([pods.stop(), nodes.stop()]);
    },
  };
}
