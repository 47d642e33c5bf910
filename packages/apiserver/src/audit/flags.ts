/** Flags about the audit log, under upstream's names and with its defaults, and what they say together. */
import {
  booleanFlag,
  durationFlag,
  type FlagValues,
  numberFlag,
  stringFlag,
  UsageError,
} from '@timonier/component';
import type { LogFileOptions } from './log-file.ts';
import type { AuditOptions } from './start.ts';

const anyCount = { min: 0, max: 1_000_000 };
const someCount = { min: 1, max: 1_000_000 };
const bytes = { min: 1, max: 2 ** 30 };

export const auditFlags = {
  'audit-policy-file': stringFlag(
    '',
    'audit policy that says which requests are recorded; without it none are',
  ),
  'audit-log-path': stringFlag('', 'file of the audit log; - is standard output'),
  'audit-log-maxage': numberFlag(366, 'days for which old audit logs are kept; 0 is for ever', anyCount),
  'audit-log-maxbackup': numberFlag(100, 'old audit logs that are kept; 0 is all of them', anyCount),
  'audit-log-maxsize': numberFlag(100, 'MiB of the audit log before it begins anew', anyCount),
  'audit-log-batch-buffer-size': numberFlag(
    10_000,
    'events that wait to be written before more are dropped',
    someCount,
  ),
  'audit-webhook-config-file': stringFlag('', 'kubeconfig of a service that audit events are sent to'),
  'audit-webhook-mode': stringFlag('batch', 'batch: requests never wait for that service'),
  'audit-webhook-version': stringFlag('audit.k8s.io/v1', 'version of the events that it is sent'),
  'audit-webhook-initial-backoff': durationFlag(10_000, 'how long to wait before a batch is sent again'),
  'audit-webhook-batch-buffer-size': numberFlag(
    10_000,
    'events that wait to be sent before more are dropped',
    someCount,
  ),
  'audit-webhook-batch-max-size': numberFlag(400, 'events of one batch at most', someCount),
  'audit-webhook-batch-max-wait': durationFlag(30_000, 'how long an event waits for others at most'),
  'audit-webhook-batch-throttle-enable': booleanFlag(true, 'bound the batches that are sent in a second'),
  'audit-webhook-batch-throttle-qps': numberFlag(10, 'batches in a second, on average'),
  'audit-webhook-batch-throttle-burst': numberFlag(15, 'batches at once, after a pause', someCount),
  'audit-webhook-truncate-enabled': booleanFlag(
    false,
    'send events that are too large without their objects, and split batches that are',
  ),
  'audit-webhook-truncate-max-batch-size': numberFlag(10_485_760, 'bytes of a batch at most, then', bytes),
  'audit-webhook-truncate-max-event-size': numberFlag(102_400, 'bytes of an event at most, then', bytes),
};

type Values = FlagValues<typeof auditFlags>;

/** Where the log is and how large it gets; undefined when there is none. */
export function auditFile(values: Values): AuditOptions['file'] {
  const path = values['audit-log-path'];
  const hasPolicy = values['audit-policy-file'] !== '';
  const hasSink = path !== '' || values['audit-webhook-config-file'] !== '';
  if (hasPolicy !== hasSink)
    throw new UsageError(
      '--audit-policy-file belongs together with --audit-log-path or --audit-webhook-config-file',
    );
  if (path === '') return undefined;
  const file: Omit<LogFileOptions, 'onError'> = {
    path,
    maxBytes: (values['audit-log-maxsize'] || 100) * 1024 * 1024,
    maxBackups: values['audit-log-maxbackup'],
    maxAgeDays: values['audit-log-maxage'],
    bufferSize: values['audit-log-batch-buffer-size'],
  };
  return file;
}

/** The service that events are sent to; undefined when there is none. */
export function auditWebhook(values: Values): AuditOptions['webhook'] {
  const kubeconfig = values['audit-webhook-config-file'];
  if (kubeconfig === '') return undefined;
  const mode = values['audit-webhook-mode'];
  if (mode !== 'batch')
    throw new UsageError(`--audit-webhook-mode: "${mode}" is not served; requests never wait: use batch`);
  const version = values['audit-webhook-version'];
  if (version !== 'audit.k8s.io/v1')
    throw new UsageError(`--audit-webhook-version: "${version}" is not audit.k8s.io/v1`);
  const bufferSize = values['audit-webhook-batch-buffer-size'];
  const maxBatchSize = values['audit-webhook-batch-max-size'];
  if (maxBatchSize > bufferSize)
    throw new UsageError(
      '--audit-webhook-batch-max-size must not be more than --audit-webhook-batch-buffer-size',
    );
  const qps = values['audit-webhook-batch-throttle-qps'];
  const isThrottled = values['audit-webhook-batch-throttle-enable'];
  if (isThrottled && !(qps > 0))
    throw new UsageError('--audit-webhook-batch-throttle-qps must be more than 0');
  const maxEventBytes = values['audit-webhook-truncate-max-event-size'];
  const maxBatchBytes = values['audit-webhook-truncate-max-batch-size'];
  if (maxEventBytes > maxBatchBytes)
    throw new UsageError(
      '--audit-webhook-truncate-max-event-size must not be more than --audit-webhook-truncate-max-batch-size',
    );
  return {
    kubeconfig,
    bufferSize,
    maxBatchSize,
    maxBatchWaitMs: values['audit-webhook-batch-max-wait'],
    throttle: isThrottled ? { qps, burst: values['audit-webhook-batch-throttle-burst'] } : undefined,
    initialBackoffMs: values['audit-webhook-initial-backoff'],
    truncate: values['audit-webhook-truncate-enabled'] ? { maxEventBytes, maxBatchBytes } : undefined,
  };
}
