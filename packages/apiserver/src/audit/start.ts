/** An auditor with its log file and its metrics, from what the command line says. */
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { Auditor } from './auditor.ts';
import { AuditLogFile, type LogFileOptions } from './log-file.ts';
import type { AuditPolicy } from './policy.ts';

export interface AuditOptions extends Omit<LogFileOptions, 'onError'> {
  readonly policy: AuditPolicy;
}

export function startAuditor(
  { policy, ...file }: AuditOptions,
  metrics: Registry,
  log: Pick<Logger, 'error'>,
): Auditor {
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
  return new Auditor(policy, new AuditLogFile({ ...file, onError }), metrics);
}
