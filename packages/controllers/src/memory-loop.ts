/** Runs controllers on a `MemoryApi`, for tests: real informers and queues, one term, everything stopped at the end. */
import { createEventRecorder, type Stoppable, type Term, workQueueMetrics } from '@timonier/client';
import { Registry } from 'prom-client';
import { createInformers, type Informers } from './informers.ts';
import type { ControllerSettings, LoopContext } from './loop.ts';
import { MemoryApi } from './memory-api.ts';
import { defaultSettings } from './start.ts';

export interface LoopWorld {
  readonly api: MemoryApi;
  readonly informers: Informers;
  /** Starts a term of a controller; ends with the world unless stopped before. */
  readonly begin: (start: (context: LoopContext) => Stoppable) => Stoppable;
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined };

/** Prepares the objects that exist before the caches are filled with `prepare`. */
export async function inLoopWorld(
  settings: Partial<ControllerSettings>,
  prepare: (api: MemoryApi) => void,
  run: (world: LoopWorld) => Promise<void>,
): Promise<void> {
  const api = new MemoryApi();
  prepare(api);
  const informers = createInformers(api.client, () => undefined);
  const running: Stoppable[] = [];
  try {
    await Promise.all(Object.values(informers).map((informer) => informer.synced));
    await run({
      api,
      informers,
      begin: (start) => {
        const ending = new AbortController();
        const term: Term = { signal: ending.signal, write: { signal: ending.signal } };
        const recorder = createEventRecorder(api.client, { component: 'test' });
        const controller = start({
          client: api.client,
          informers,
          term,
          recorder,
          log: silent,
          queueMetrics: workQueueMetrics(new Registry()),
          settings: { ...defaultSettings, ...settings },
        });
        let stopped: Promise<void> | undefined;
        const stoppable: Stoppable = {
          stop: () =>
            (stopped ??= (async () => {
              ending.abort();
              await controller.stop();
              await recorder.close();
            })()),
        };
        running.push(stoppable);
        return stoppable;
      },
    });
  } finally {
    api.silent = false;
    for (const stoppable of running) await stoppable.stop();
    await Promise.all(Object.values(informers).map((informer) => informer.stop()));
  }
}
