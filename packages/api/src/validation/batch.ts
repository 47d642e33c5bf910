/** The rules of jobs and cron jobs. */
import { scheduleProblem } from '../cron.ts';
import type { CronJob, Job, JobSpec, PodSpec } from '../generated/types.ts';
import { selectorMatches } from '../label-selector.ts';
import { immutable, labelSelector, nonNegative } from './checks.ts';
import { invalid, notSupported, required, tooLong, type FieldError } from './field-error.ts';
import { prefixedPath } from './networking.ts';
import { validatePodTemplate } from './pod.ts';
import { rules, type Rules } from './rules.ts';

const COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
] as const;
const RESTARTS = ['OnFailure', 'Never'];
const CONTROLLER_UID = 'batch.kubernetes.io/controller-uid';
/** The suffix of a cron job's jobs must fit behind its name. */
const MAX_CRON_NAME = 52;

function jobSpec(spec: JobSpec, at: string): FieldError[] {
  const errors = COUNTS.flatMap((name) => nonNegative(`${at}.${name}`, spec[name]));
  const isIndexed = spec.completionMode === 'Indexed';
  if (isIndexed && spec.completions === undefined)
    errors.push(required(`${at}.completions`, 'when completion mode is Indexed'));
  if (!isIndexed && spec.backoffLimitPerIndex !== undefined)
    errors.push(
      invalid(`${at}.backoffLimitPerIndex`, spec.backoffLimitPerIndex, 'requires indexed completion mode'),
    );
  errors.push(...jobIndexes(spec, at));
  if (spec.managedBy !== undefined) {
    errors.push(...prefixedPath(`${at}.managedBy`, spec.managedBy));
    if (spec.managedBy.length > MAX_MANAGER) errors.push(tooLong(`${at}.managedBy`, MAX_MANAGER));
  }
  if (spec.podFailurePolicy !== undefined && spec.podReplacementPolicy === 'TerminatingOrFailed')
    errors.push(notSupported(`${at}.podReplacementPolicy`, spec.podReplacementPolicy, ['Failed']));
  const policy = spec.template?.spec?.restartPolicy ?? '';
  const restart = `${at}.template.spec.restartPolicy`;
  errors.push(...validatePodTemplate(spec.template, `${at}.template`, ['Always', ...RESTARTS], [], 'Job'));
  if (!RESTARTS.includes(policy)) errors.push(required(restart, 'valid values: "OnFailure", "Never"'));
  else if (spec.podFailurePolicy !== undefined && policy !== 'Never')
    errors.push(invalid(restart, policy, 'only "Never" is supported when podFailurePolicy is specified'));
  const action = spec.podFailurePolicy?.rules ?? [];
  for (const [i, rule] of action.entries()) {
    const field = `${at}.podFailurePolicy.rules[${i}]`;
    if (!rule.action)
      errors.push(required(`${field}.action`, 'valid values: ["Count" "FailIndex" "FailJob" "Ignore"]'));
    const hasCodes = rule.onExitCodes !== undefined;
    const hasConditions = (rule.onPodConditions ?? []).length > 0;
    if (hasCodes && hasConditions)
      errors.push(invalid(field, '', 'specifying both OnExitCodes and OnPodConditions is not supported'));
    if (!hasCodes && !hasConditions)
      errors.push(invalid(field, '', 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  return errors;
}

const MAX_MANAGER = 63;
const MAX_PARALLELISM = 100_000;

/** What only the indexes of an indexed job can mean. */
function jobIndexes(spec: JobSpec, at: string): FieldError[] {
  const { completions, parallelism, maxFailedIndexes, backoffLimitPerIndex, successPolicy } = spec;
  const errors: FieldError[] = [];
  const isIndexed = spec.completionMode === 'Indexed';
  if (isIndexed && (parallelism ?? 0) > MAX_PARALLELISM)
    errors.push(
      invalid(
        `${at}.parallelism`,
        parallelism,
        `must be less than or equal to ${MAX_PARALLELISM} when completion mode is Indexed`,
      ),
    );
  if (maxFailedIndexes !== undefined) {
    if (backoffLimitPerIndex === undefined)
      errors.push(required(`${at}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
    if (completions !== undefined && maxFailedIndexes > completions)
      errors.push(
        invalid(`${at}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions'),
      );
  }
  if (successPolicy === undefined) return errors;
  const field = `${at}.successPolicy`;
  if (!isIndexed) return [...errors, invalid(field, successPolicy, 'requires indexed completion mode')];
  if ((successPolicy.rules ?? []).length === 0)
    errors.push(
      required(`${field}.rules`, 'at least one rules must be specified when the successPolicy is specified'),
    );
  for (const [i, { succeededCount, succeededIndexes }] of (successPolicy.rules ?? []).entries()) {
    const rule = `${field}.rules[${i}]`;
    if (succeededCount === undefined && succeededIndexes === undefined)
      errors.push(required(rule, 'at least one of succeededCount or succeededIndexes must be specified'));
    if (succeededCount !== undefined && completions !== undefined && succeededCount > completions)
      errors.push(
        invalid(
          `${rule}.succeededCount`,
          succeededCount,
          `must be less than or equal to ${completions} (the number of specified completions)`,
        ),
      );
    else errors.push(...nonNegative(`${rule}.succeededCount`, succeededCount));
  }
  return errors;
}

function job({ metadata, spec }: Job): FieldError[] {
  if (spec === undefined) return [required('spec')];
  const errors = jobSpec(spec, 'spec');
  const { selector } = spec;
  if (selector === undefined) return [...errors, required('spec.selector')];
  const problems = labelSelector('spec.selector', selector);
  if (problems.length > 0) return [...errors, ...problems];
  const labels = spec.template?.metadata?.labels;
  if (spec.manualSelector !== true) {
    const { uid = '', name = '' } = metadata ?? {};
    const own = { [CONTROLLER_UID]: uid, 'controller-uid': uid, 'batch.kubernetes.io/job-name': name };
    for (const [key, value] of Object.entries(own)) {
      const field = 'spec.template.metadata.labels';
      if (labels?.[key] === undefined) errors.push(required(field, `must be '${value}'`));
      else if (labels[key] !== value) errors.push(invalid(field, labels, `must be '${value}'`));
    }
    if (!selectorMatches(selector, own))
      errors.push(invalid('spec.selector', selector, '`selector` not auto-generated'));
  }
  if (errors.length === 0 && !selectorMatches(selector, labels))
    errors.push(
      invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'),
    );
  return errors;
}

/** Where pods of a job that has not begun may run can still be changed. */
const DIRECTIVES = ['nodeSelector', 'affinity', 'tolerations', 'schedulingGates'] as const;

function jobUpdate({ spec, status }: Job, { spec: before, status: statusBefore }: Job): FieldError[] {
  if (spec === undefined || before === undefined) return [];
  const errors: FieldError[] = [];
  const isElastic =
    spec.completionMode === 'Indexed' &&
    spec.completions === spec.parallelism &&
    before.completions === before.parallelism;
  if (!isElastic) errors.push(...immutable('spec.completions', spec.completions, before.completions));
  for (const field of [
    'selector',
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
    'manualSelector',
  ] as const)
    errors.push(...immutable(`spec.${field}`, spec[field], before[field]));
  const isWaiting = before.suspend === true && (statusBefore?.startTime ?? status?.startTime) === undefined;
  const [now, old] = [structuredClone(spec.template), structuredClone(before.template)];
  if (isWaiting) {
    for (const template of [now, old]) {
      for (const field of DIRECTIVES) delete (template?.spec as Partial<PodSpec> | undefined)?.[field];
      if (template?.metadata !== undefined) template.metadata = {};
    }
  }
  errors.push(...immutable('spec.template', now, old));
  return errors;
}

function cronJob({ metadata, spec }: CronJob): FieldError[] {
  if (spec === undefined) return [required('spec')];
  const errors: FieldError[] = [];
  const { timeZone } = spec;
  const schedule = spec.schedule ?? '';
  const zoned = /^(CRON_)?TZ=\S*\s*/.exec(schedule)?.[0] ?? '';
  if (schedule === '') errors.push(required('spec.schedule'));
  else {
    const problem = scheduleProblem(schedule.slice(zoned.length));
    if (problem !== undefined) errors.push(invalid('spec.schedule', schedule, problem));
  }
  if (zoned !== '')
    errors.push(
      invalid(
        'spec.schedule',
        schedule,
        timeZone === undefined
          ? 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
          : 'cannot use both timeZone field and TZ or CRON_TZ in schedule',
      ),
    );
  errors.push(...zone(timeZone));
  errors.push(...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds));
  errors.push(...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit));
  errors.push(...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit));
  const policies = ['Allow', 'Forbid', 'Replace'];
  const policy = spec.concurrencyPolicy ?? '';
  if (policy === '') errors.push(required('spec.concurrencyPolicy'));
  else if (!policies.includes(policy)) errors.push(notSupported('spec.concurrencyPolicy', policy, policies));
  if ((metadata?.name ?? '').length > MAX_CRON_NAME)
    errors.push(invalid('metadata.name', metadata?.name, `must be no more than ${MAX_CRON_NAME} characters`));
  const template = spec.jobTemplate?.spec;
  if (template !== undefined) errors.push(...jobSpec(template, 'spec.jobTemplate.spec'));
  return errors;
}

function zone(timeZone: string | undefined): FieldError[] {
  const field = 'spec.timeZone';
  if (timeZone === undefined) return [];
  if (timeZone === '') return [invalid(field, timeZone, 'timeZone must be nil or non-empty string')];
  if (timeZone.toLowerCase() === 'local')
    return [
      invalid(
        field,
        timeZone,
        'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      ),
    ];
  return isZone(timeZone) ? [] : [invalid(field, timeZone, `unknown time zone ${timeZone}`)];
}

/** Whether the runtime's table of zones has it. */
function isZone(timeZone: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone }) !== undefined;
  } catch {
    return false;
  }
}

export const batchRules: Readonly<Record<string, Rules>> = {
  'batch/v1/Job': rules(job, jobUpdate),
  'batch/v1/CronJob': rules(cronJob),
};
