/** An auditor with its log file and its metrics, from what the command line says. */
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { Auditor } from './auditor.ts';
import { countedSink, type OpenSink } from './counted-sink.ts';
import type { LogFileOptions } from './log-file.ts';
import type { AuditPolicy } from './policy.ts';

export interface AuditOptions extends Omit<LogFileOptions, 'onError'> {
  readonly policy: AuditPolicy;
}

export function startAuditor(
  { policy, ...file }: AuditOptions,
  metrics: Registry,
  log: Pick<Logger, 'error'>,
  open?: OpenSink,
): Auditor {
  return new Auditor(policy, countedSink(file, metrics, log, open), metrics);
}
