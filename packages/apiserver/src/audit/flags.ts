/** Flags about the audit log, under upstream's names and with its defaults, and what they say together. */
import { type FlagValues, numberFlag, stringFlag, UsageError } from '@timonier/component';
import type { LogFileOptions } from './log-file.ts';

const anyCount = { min: 0, max: 1_000_000 };

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
    {
      min: 1,
      max: 1_000_000,
    },
  ),
};

/** Where the log is and how large it gets; undefined when nothing is recorded. */
export function auditFile(
  values: FlagValues<typeof auditFlags>,
): Omit<LogFileOptions, 'onError'> | undefined {
  const path = values['audit-log-path'];
  if (values['audit-policy-file'] === '' || path === '') {
    if (values['audit-policy-file'] !== path)
      throw new UsageError('--audit-policy-file and --audit-log-path belong together');
    return undefined;
  }
  return {
    path,
    maxBytes: (values['audit-log-maxsize'] || 100) * 1024 * 1024,
    maxBackups: values['audit-log-maxbackup'],
    maxAgeDays: values['audit-log-maxage'],
    bufferSize: values['audit-log-batch-buffer-size'],
  };
}
