/**
 * Wraps a table of handlers so that each call is counted, timed and, when it fails, logged with its code. Requests are
 * not logged: they can hold credentials and secrets.
 */
import { CriError, criStatus } from '@timonier/grpc/cri';
import { Counter, Histogram, type Registry } from 'prom-client';
import type { Log } from './runtime/context.ts';

type Handler = (request: never, context: never) => unknown;

export function instrument<T extends object>(handlers: T, registry: Registry, log: Log): T {
  const duration = metric(registry, 'timonier_cri_operation_duration_seconds', (name) => {
    return new Histogram({
      name,
      help: 'Duration of CRI calls.',
      labelNames: ['operation'],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers: [registry],
    });
  });
  const errors = metric(registry, 'timonier_cri_operation_errors_total', (name) => {
    return new Counter({
      name,
      help: 'CRI calls that failed, by gRPC code.',
      labelNames: ['operation', 'code'],
      registers: [registry],
    });
  });
  const wrapped: Record<string, Handler> = {};
  for (const [operation, handler] of Object.entries(handlers as Record<string, Handler>)) {
    wrapped[operation] = (request, context) => {
      const stop = duration.startTimer({ operation });
      const answer = handler(request, context);
      if (!(answer instanceof Promise)) return answer;
      return answer
        .catch((error: unknown) => {
          const code = error instanceof CriError ? error.code : criStatus.UNKNOWN;
          errors.inc({ operation, code });
          const fields = { operation, code, err: error };
          if (code === criStatus.NOT_FOUND) log.debug(fields, 'call failed');
          else log.warn(fields, 'call failed');
          throw error;
        })
        .finally(stop);
    };
  }
  return wrapped as T;
}

/** Two services share one metric. */
function metric<M>(registry: Registry, name: string, make: (name: string) => M): M {
  return (registry.getSingleMetric(name) as M | undefined) ?? make(name);
}
