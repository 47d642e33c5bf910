/** Where audit events go, with a count of those that are lost. */
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

const openFile: OpenSink = (options) => new AuditLogFile(options);

export function countedSink(
  file: Omit<LogFileOptions, 'onError'>,
  metrics: Registry,
  log: Pick<Logger, 'error'>,
  open = openFile,
): AuditSink {
  const errors = new Counter({
    name: 'apiserver_audit_error_total',
    help: 'Audit events that did not reach their log: dropped from a full buffer, or not written.',
    labelNames: ['plugin'],
    registers: [metrics],
  });
  for (const plugin of ['log', 'buffered']) errors.inc({ plugin }, 0);
  let told = 0;
  const onError = (plugin: 'log' | 'buffered', events: number, error: unknown): void => {
    errors.inc({ plugin }, events);
    // A disk that is full says so for every event.
    if (Date.now() - told < 1_000) return;
    told = Date.now();
    log.error({ reason: String(error), plugin }, 'audit events are lost');
  };
  return open({ ...file, onError });
}
