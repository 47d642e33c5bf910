/** Where audit events go, and a count of those that are lost. */
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { AuditLogFile, type LogFileOptions } from './log-file.ts';

/** Takes events as lines, and may drop some. */
export interface AuditSink {
  write(line: string): void;
  close(): Promise<void>;
}

/** Opens where events go; what is lost is told to `onError`. */
export type OpenSink = (options: LogFileOptions) => AuditSink;

/** Where events were lost: a full buffer, the file, the service outside, or an event too large for it. */
export type LossyPlugin = 'buffered' | 'log' | 'webhook' | 'truncate';
export type OnLost = (plugin: LossyPlugin, events: number, error: unknown) => void;

const openFile: OpenSink = (options) => new AuditLogFile(options);

export function countedSink(
  file: Omit<LogFileOptions, 'onError'>,
  metrics: Registry,
  log: Pick<Logger, 'error'>,
  open = openFile,
): AuditSink {
  return open({ ...file, onError: lossCounter(metrics, log) });
}

/** To be called once for a registry. */
export function lossCounter(metrics: Registry, log: Pick<Logger, 'error'>): OnLost {
  const errors = new Counter({
    name: 'apiserver_audit_error_total',
    help: 'Audit events that did not reach where they should: dropped from a full buffer, or not written or sent.',
    labelNames: ['plugin'],
    registers: [metrics],
  });
  for (const plugin of ['log', 'buffered', 'webhook']) errors.inc({ plugin }, 0);
  let told = 0;
  return (plugin, events, error) => {
    errors.inc({ plugin }, events);
    // A disk that is full says so for every event.
    if (Date.now() - told < 1_000) return;
    told = Date.now();
    const what = events === 0 ? 'old audit logs could not be removed' : 'audit events are lost';
    log.error({ reason: String(error), plugin }, what);
  };
}

/** Both get every event. */
export function joined(sinks: readonly AuditSink[]): AuditSink {
  const [only] = sinks;
  if (only !== undefined && sinks.length === 1) return only;
  return {
    write: (line) => {
      for (const sink of sinks) sink.write(line);
    },
    close: async () => {
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
}
