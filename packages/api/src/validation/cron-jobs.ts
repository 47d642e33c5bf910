/** The rules of cron jobs. */
import { parseSchedule } from '../cron/schedule.ts';
import { zoneOf } from '../cron/zone.ts';
import type { CronJob, JobTemplateSpec } from '../generated/types.ts';
import { nonNegative, oneOf } from './checks.ts';
import { invalid, notSupported, required, type FieldError } from './field-error.ts';
import { jobSpec } from './jobs.ts';
import { rules, type Rules } from './rules.ts';

/** The suffix of a cron job's jobs must fit behind its name. */
const MAX_NAME = 52;
const POLICIES = ['Allow', 'Forbid', 'Replace'];

function cronJob({ spec }: CronJob): FieldError[] {
  if (spec === undefined) return [required('spec.schedule')];
  const errors: FieldError[] = [];
  const { jobTemplate } = spec;
  const schedule = spec.schedule ?? '';
  if (schedule === '') errors.push(required('spec.schedule'));
  else {
    const parsed = parseSchedule(schedule);
    if (typeof parsed === 'string') errors.push(invalid('spec.schedule', schedule, parsed));
  }
  errors.push(...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds));
  errors.push(...zone(spec.timeZone));
  errors.push(...oneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, POLICIES));
  errors.push(...template(jobTemplate ?? {}, 'spec.jobTemplate'));
  errors.push(...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit));
  errors.push(...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit));
  return errors;
}

/** Jobs of a template find their pods by themselves. */
function template(
  { spec = {} as NonNullable<JobTemplateSpec['spec']> }: JobTemplateSpec,
  at: string,
): FieldError[] {
  const errors = jobSpec(spec, `${at}.spec`);
  if (spec.selector !== undefined)
    errors.push(invalid(`${at}.spec.selector`, spec.selector, '`selector` will be auto-generated'));
  if (spec.manualSelector === true)
    errors.push(notSupported(`${at}.spec.manualSelector`, true, ['nil', 'false']));
  return errors;
}

function zone(timeZone: string | undefined): FieldError[] {
  const field = 'spec.timeZone';
  if (timeZone === undefined) return [];
  if (timeZone === '') return [invalid(field, timeZone, 'timeZone must be nil or non-empty string')];
  const unknown = invalid.bind(undefined, field, timeZone, `unknown time zone ${timeZone}`);
  const isWellFormed = timeZone
    .split('/')
    .every((part) => part !== '.' && part !== '..' && /^(?!-)[A-Za-z.\-_0-9+]{1,14}$/.test(part));
  if (!isWellFormed) return [unknown()];
  if (timeZone.toLowerCase() === 'local')
    return [
      invalid(
        field,
        timeZone,
        'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      ),
    ];
  return zoneOf(timeZone) === undefined ? [unknown()] : [];
}

/** A zone in the schedule was let pass once: who has one there may go on so, without another beside it. */
function zoneInSchedule({ spec }: CronJob, old?: CronJob): FieldError[] {
  const schedule = spec?.schedule ?? '';
  if (!schedule.includes('TZ')) return [];
  if (old?.spec?.schedule.includes('TZ') !== true)
    return [
      invalid('spec.schedule', schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'),
    ];
  return spec?.timeZone === undefined
    ? []
    : [invalid('spec.schedule', schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule')];
}

function created(job: CronJob): FieldError[] {
  const name = job.metadata?.name ?? '';
  const errors = zoneInSchedule(job);
  if (name.length > MAX_NAME)
    errors.push(invalid('metadata.name', name, `must be no more than ${MAX_NAME} characters`));
  return errors;
}

export const cronJobRules: Readonly<Record<string, Rules>> = {
  'batch/v1/CronJob': rules(cronJob, zoneInSchedule, { create: created }),
};
