/** A plugin's work at one stage, measured. */
import type { AdmissionMetrics, AdmissionTimes, AdmissionType } from '../metrics/admission-metrics.ts';
import type { Operation } from './operation.ts';
import type { AdmissionPlugin, AdmissionRequest } from './request.ts';

/** The same plugin, which tells how long it takes at this stage. */
export function measured(
  plugin: AdmissionPlugin,
  type: AdmissionType,
  operation: Operation,
  metrics: AdmissionMetrics,
): AdmissionPlugin {
  const run = plugin[type];
  if (run === undefined) return plugin;
  const times = metrics.plugin(plugin.name, operation, type);
  const bound = run.bind(plugin);
  return { ...plugin, [type]: (request: AdmissionRequest) => timed(times, bound, request) };
}

/** Runs work that is done at once or not, and notes how long it took and whether it refused. */
export function timed(
  times: AdmissionTimes,
  work: (request: AdmissionRequest) => void | Promise<void>,
  request: AdmissionRequest,
): void | Promise<void> {
  const since = performance.now();
  let answer: void | Promise<void>;
  try {
    answer = work(request);
  } catch (error) {
    times.ended(since, true);
    throw error;
  }
  if (!(answer instanceof Promise)) {
    times.ended(since, false);
    return undefined;
  }
  return answer.then(
    () => times.ended(since, false),
    (error: unknown) => {
      times.ended(since, true);
      throw error;
    },
  );
}
