/** An auditor with where its events go and its metrics, from what the command line says. */
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { KubeconfigClient } from '../callouts/kubeconfig-client.ts';
import { Auditor } from './auditor.ts';
import { joined, lossCounter, type OpenSink } from './counted-sink.ts';
import { AuditLogFile, type LogFileOptions } from './log-file.ts';
import type { AuditPolicy } from './policy.ts';
import { AuditWebhook, type AuditWebhookOptions } from './webhook.ts';

export interface AuditOptions {
  readonly policy: AuditPolicy;
  readonly file?: Omit<LogFileOptions, 'onError'> | undefined;
  /** `kubeconfig` is the path of a file. */
  readonly webhook?: (AuditWebhookOptions & { readonly kubeconfig: string }) | undefined;
}

/** Throws when the kubeconfig of the webhook cannot be used. */
export function startAuditor(
  { policy, file, webhook }: AuditOptions,
  metrics: Registry,
  log: Pick<Logger, 'error'>,
  open: OpenSink = (options) => new AuditLogFile(options),
): Auditor {
  const onLost = lossCounter(metrics, log);
  const sinks = [
    ...(file === undefined ? [] : [open({ ...file, onError: onLost })]),
    ...(webhook === undefined
      ? []
      : [new AuditWebhook(webhook, { client: new KubeconfigClient(webhook.kubeconfig), onLost })]),
  ];
  return new Auditor(policy, joined(sinks), metrics);
}
