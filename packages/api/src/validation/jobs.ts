/** The rules of jobs. */
import { asSent } from '../decode/absence.ts';
import type { Affinity, Container, Job, JobSpec, PodSpec, PodTemplateSpec } from '../generated/types.ts';
import { selectorMatches } from '../label-selector.ts';
import { checkDns1123Label } from '../names.ts';
import { immutable, labelSelector, nonNegative, prefixedPath, same } from './checks.ts';
import { invalid, notSupported, required, tooLong, type FieldError } from './field-error.ts';
import { podFailurePolicy, successPolicy } from './job-policies.ts';
import { jobStatus } from './job-status.ts';
import { validateTemplate } from './pod.ts';
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
const MAX_MANAGER = 63;

/** Also of the jobs that cron jobs make. */
export function jobSpec(spec: JobSpec, at: string): FieldError[] {
  const errors = COUNTS.flatMap((name) => nonNegative(`${at}.${name}`, spec[name]));
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    errors.push(required(`${at}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  if (spec.managedBy !== undefined) {
    errors.push(...prefixedPath(`${at}.managedBy`, spec.managedBy));
    if (spec.managedBy.length > MAX_MANAGER) errors.push(tooLong(`${at}.managedBy`, MAX_MANAGER));
  }
  errors.push(...completion(spec, at));
  if (spec.podFailurePolicy !== undefined)
    errors.push(...podFailurePolicy(spec, spec.podFailurePolicy, `${at}.podFailurePolicy`));
  if (spec.successPolicy !== undefined)
    errors.push(
      ...(spec.completionMode === 'Indexed'
        ? successPolicy(spec, spec.successPolicy, `${at}.successPolicy`)
        : [invalid(`${at}.successPolicy`, spec.successPolicy, 'requires indexed completion mode')]),
    );
  const replacement = spec.podReplacementPolicy;
  const replacements = spec.podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
  if (replacement !== undefined && !replacements.includes(replacement))
    errors.push(notSupported(`${at}.podReplacementPolicy`, replacement, replacements));
  errors.push(...validateTemplate(spec.template, `${at}.template`));
  const restart = spec.template?.spec?.restartPolicy;
  const field = `${at}.template.spec.restartPolicy`;
  if (!restart || restart === 'Always') errors.push(required(field, 'valid values: "OnFailure", "Never"'));
  else if (!RESTARTS.includes(restart)) errors.push(notSupported(field, restart, RESTARTS));
  else if (spec.podFailurePolicy !== undefined && restart !== 'Never')
    errors.push(invalid(field, restart, 'only "Never" is supported when podFailurePolicy is specified'));
  return errors;
}

const MAX_PARALLELISM = 100_000;
const MAX_FAILED = 100_000;
/** Above so many indexes with limits of their own, fewer may run and fail. */
const MANY = 100_000;
const MAX_OF_MANY = 10_000;

/** What only the indexes of an indexed job can mean. */
function completion(spec: JobSpec, at: string): FieldError[] {
  const { completions, parallelism = 0, maxFailedIndexes: failed, backoffLimitPerIndex: limit } = spec;
  const mode = spec.completionMode ?? 'NonIndexed';
  const errors: FieldError[] = [];
  const most = (name: string, value: number, max: number, detail = ''): void => {
    if (value > max)
      errors.push(invalid(`${at}.${name}`, value, `must be less than or equal to ${max}${detail}`));
  };
  if (mode !== 'Indexed') {
    if (mode !== 'NonIndexed') return [notSupported(`${at}.completionMode`, mode, ['NonIndexed', 'Indexed'])];
    const detail = 'requires indexed completion mode';
    if (limit !== undefined) errors.push(invalid(`${at}.backoffLimitPerIndex`, limit, detail));
    if (failed !== undefined) errors.push(invalid(`${at}.maxFailedIndexes`, failed, detail));
    return errors;
  }
  if (completions === undefined)
    errors.push(required(`${at}.completions`, 'when completion mode is Indexed'));
  most('parallelism', parallelism, MAX_PARALLELISM, ' when completion mode is Indexed');
  if (completions !== undefined && failed !== undefined && failed > completions)
    errors.push(invalid(`${at}.maxFailedIndexes`, failed, 'must be less than or equal to completions'));
  if (failed !== undefined) most('maxFailedIndexes', failed, MAX_FAILED);
  if (completions === undefined || completions <= MANY || limit === undefined) return errors;
  if (failed === undefined)
    errors.push(required(`${at}.maxFailedIndexes`, `must be specified when completions is above ${MANY}`));
  const detail = ` when completions are above ${MANY} and used with backoff limit per index`;
  most('parallelism', parallelism, MAX_OF_MANY, detail);
  if (failed !== undefined) most('maxFailedIndexes', failed, MAX_OF_MANY, detail);
  return errors;
}

const UID = 'batch.kubernetes.io/controller-uid';
const NAME = 'batch.kubernetes.io/job-name';

function job({ metadata, spec }: Job): FieldError[] {
  if (spec === undefined) return [required('spec.selector')];
  const errors = spec.manualSelector === true ? [] : generated({ metadata, spec });
  errors.push(...jobSpec(spec, 'spec'));
  const { selector, template } = spec;
  const problems = selector === undefined ? [] : labelSelector('spec.selector', selector);
  errors.push(...(selector === undefined ? [required('spec.selector')] : problems));
  const labels = template?.metadata?.labels;
  if (problems.length === 0 && !(selector !== undefined && selectorMatches(selector, labels)))
    errors.push(
      invalid(
        'spec.template.metadata.labels',
        asSent(template?.metadata, 'labels'),
        '`selector` does not match template `labels`',
      ),
    );
  const { name = '' } = metadata ?? {};
  if (spec.completionMode === 'Indexed' && (spec.completions ?? 0) > 0) {
    const last = `${name}-${(spec.completions ?? 0) - 1}`;
    if (checkDns1123Label(last).length > 0)
      errors.push(
        invalid('metadata.name', name, `will not able to create pod with invalid DNS label: ${last}`),
      );
  }
  return errors;
}

/** A job finds its pods by labels that no other job's pods have, unless somebody wants it otherwise. */
function generated({ metadata, spec }: { metadata: Job['metadata']; spec: JobSpec }): FieldError[] {
  const { selector, template } = spec;
  if (selector === undefined) return [];
  const { uid = '', name = '' } = metadata ?? {};
  const errors = uid === '' ? [required('metadata.uid')] : [];
  const labels = template?.metadata?.labels ?? {};
  const own = { 'controller-uid': uid, 'job-name': name, [UID]: uid, [NAME]: name };
  for (const [key, value] of Object.entries(own)) {
    const field = `spec.template.metadata.labels[${key}]`;
    if (labels[key] === undefined) errors.push(required(field, `must be '${value}'`));
    else if (labels[key] !== value) errors.push(invalid(field, labels, `must be '${value}'`));
  }
  if (labelSelector('', selector).length === 0 && !selectorMatches(selector, own))
    errors.push(invalid('spec.selector', selector, '`selector` not auto-generated'));
  return errors;
}

const FIXED = [
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const;

function jobUpdate({ spec }: Job, old: Job): FieldError[] {
  const before = old.spec;
  if (spec === undefined || before === undefined) return [];
  const errors = completionsUpdate(spec, before);
  errors.push(...immutable('spec.selector', spec.selector, before.selector));
  const isWaiting = before.suspend === true && hasStopped(old);
  const [now, was] = [spec.template, before.template];
  const isSame = isWaiting ? same(fixedPart(now), fixedPart(was)) : same(now, was);
  if (!isSame) errors.push(invalid('spec.template', now, 'field is immutable'));
  for (const field of FIXED) errors.push(...immutable(`spec.${field}`, spec[field], before[field]));
  return errors;
}

/** An indexed job grows and shrinks as a whole. */
function completionsUpdate(spec: JobSpec, before: JobSpec): FieldError[] {
  const field = 'spec.completions';
  if (spec.completionMode !== 'Indexed') return immutable(field, spec.completions, before.completions);
  if (spec.completions === before.completions || spec.completions === undefined) return [];
  return spec.completions === spec.parallelism
    ? []
    : [invalid(field, spec.completions, 'can only be modified in tandem with spec.parallelism')];
}

/** A suspended job that has no pods: none yet, or none any more. */
function hasStopped({ status }: Job): boolean {
  if (status?.startTime === undefined) return true;
  const isSuspended = (status.conditions ?? []).some(
    ({ type, status: value }) => type === 'Suspended' && value === 'True',
  );
  return isSuspended && (status.active ?? 0) === 0;
}

/** Where pods may run and what they ask for can be changed while there are none. */
function fixedPart(template: PodTemplateSpec | undefined): unknown {
  const { metadata, spec } = template ?? {};
  const { labels: _labels, annotations: _annotations, ...others } = metadata ?? {};
  if (spec === undefined) return { metadata: others };
  const {
    nodeSelector: _selector,
    tolerations: _tolerations,
    schedulingGates: _gates,
    affinity,
    containers,
    initContainers,
    ...rest
  }: PodSpec = spec;
  return {
    metadata: others,
    spec: {
      ...rest,
      affinity: withoutNodes(affinity),
      containers: containers.map(withoutAmounts),
      initContainers: initContainers?.map(withoutAmounts),
    },
  };
}

function withoutNodes(affinity: Affinity | undefined): unknown {
  const { podAffinity, podAntiAffinity } = affinity ?? {};
  return podAffinity === undefined && podAntiAffinity === undefined
    ? undefined
    : { podAffinity, podAntiAffinity };
}

function withoutAmounts({ resources, ...container }: Container): unknown {
  return { ...container, claims: resources?.claims };
}

export const jobRules: Readonly<Record<string, Rules>> = {
  'batch/v1/Job': rules(job, jobUpdate, { subresources: { status: jobStatus } }),
};
