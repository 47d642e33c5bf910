/** The rules of when a job has failed or succeeded before all of its pods have. */
import type {
  JobSpec,
  PodFailurePolicy,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
  SuccessPolicy,
  SuccessPolicyRule,
} from '../generated/types.ts';
import { nonNegative, qualifiedName } from './checks.ts';
import {
  duplicate,
  invalid,
  notSupported,
  OMITTED,
  required,
  tooLong,
  tooMany,
  type FieldError,
} from './field-error.ts';
import { parseIndexes } from './job-indexes.ts';

const MAX_RULES = 20;
const MAX_CODES = 255;
const MAX_CONDITIONS = 20;
const MAX_INDEXES = 64 * 1024;
const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const OPERATORS = ['In', 'NotIn'];
const STATUSES = ['False', 'True', 'Unknown'];

export function podFailurePolicy(spec: JobSpec, policy: PodFailurePolicy, at: string): FieldError[] {
  const list = policy.rules ?? [];
  const errors = list.length > MAX_RULES ? [tooMany(`${at}.rules`, list.length, MAX_RULES)] : [];
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {};
  const names = new Set([...containers, ...initContainers].map(({ name }) => name));
  for (const [i, rule] of list.entries())
    errors.push(...failureRule(rule, `${at}.rules[${i}]`, names, spec.backoffLimitPerIndex !== undefined));
  return errors;
}

function choice(field: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  const all = supported.map((one) => JSON.stringify(one)).join(' ');
  if (!value) return [required(field, `valid values: [${all}]`)];
  return supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

function failureRule(
  rule: PodFailurePolicyRule,
  at: string,
  names: ReadonlySet<string>,
  hasIndexLimit: boolean,
): FieldError[] {
  const { action, onExitCodes, onPodConditions = [] } = rule;
  const errors = choice(`${at}.action`, action, ACTIONS);
  if (action === 'FailIndex' && !hasIndexLimit)
    errors.push(invalid(`${at}.action`, action, 'requires the backoffLimitPerIndex to be set'));
  if (onExitCodes !== undefined) errors.push(...exitCodes(onExitCodes, `${at}.onExitCodes`, names));
  if (onPodConditions.length > MAX_CONDITIONS)
    errors.push(tooMany(`${at}.onPodConditions`, onPodConditions.length, MAX_CONDITIONS));
  for (const [j, { type, status }] of onPodConditions.entries()) {
    errors.push(...qualifiedName(`${at}.onPodConditions[${j}].type`, type));
    errors.push(...choice(`${at}.onPodConditions[${j}].status`, status, STATUSES));
  }
  if (onExitCodes !== undefined && onPodConditions.length > 0)
    errors.push(invalid(at, OMITTED, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  if (onExitCodes === undefined && onPodConditions.length === 0)
    errors.push(invalid(at, OMITTED, 'specifying one of OnExitCodes and OnPodConditions is required'));
  return errors;
}

function exitCodes(
  { operator, containerName, values = [] }: Partial<PodFailurePolicyOnExitCodesRequirement>,
  at: string,
  names: ReadonlySet<string>,
): FieldError[] {
  const errors = choice(`${at}.operator`, operator, OPERATORS);
  if (containerName !== undefined && !names.has(containerName))
    errors.push(
      invalid(
        `${at}.containerName`,
        containerName,
        'must be one of the container or initContainer names in the pod template',
      ),
    );
  const path = `${at}.values`;
  if (values.length === 0) errors.push(invalid(path, values, 'at least one value is required'));
  else if (values.length > MAX_CODES) errors.push(tooMany(path, values.length, MAX_CODES));
  const seen = new Set<number>();
  for (const [j, code] of values.entries()) {
    if (operator === 'In' && code === 0)
      errors.push(invalid(`${path}[${j}]`, code, 'must not be 0 for the In operator'));
    if (seen.has(code)) errors.push(duplicate(`${path}[${j}]`, code));
    seen.add(code);
  }
  if (values.some((code, j) => j > 0 && (values[j - 1] ?? code) > code))
    errors.push(invalid(path, values, 'must be ordered'));
  return errors;
}

export function successPolicy(spec: JobSpec, policy: SuccessPolicy, at: string): FieldError[] {
  const list = policy.rules ?? [];
  const errors: FieldError[] = [];
  if (list.length === 0)
    errors.push(
      required(`${at}.rules`, 'at least one rules must be specified when the successPolicy is specified'),
    );
  if (list.length > MAX_RULES) errors.push(tooMany(`${at}.rules`, list.length, MAX_RULES));
  for (const [i, rule] of list.entries())
    errors.push(...successRule(rule, `${at}.rules[${i}]`, spec.completions ?? 0));
  return errors;
}

function successRule(
  { succeededCount: count, succeededIndexes: indexes }: SuccessPolicyRule,
  at: string,
  completions: number,
): FieldError[] {
  const errors: FieldError[] = [];
  if (count === undefined && indexes === undefined)
    errors.push(required(at, 'at least one of succeededCount or succeededIndexes must be specified'));
  let total = 0;
  if (indexes !== undefined) {
    const field = `${at}.succeededIndexes`;
    if (indexes.length > MAX_INDEXES) errors.push(tooLong(field, MAX_INDEXES));
    const parsed = parseIndexes(indexes, completions);
    if (parsed.problem === undefined) total = parsed.total;
    else errors.push(invalid(field, indexes, `error parsing succeededIndexes: ${parsed.problem}`));
  }
  if (count === undefined) return errors;
  const field = `${at}.succeededCount`;
  errors.push(...nonNegative(field, count));
  if (count > completions)
    errors.push(
      invalid(
        field,
        count,
        `must be less than or equal to ${completions} (the number of specified completions)`,
      ),
    );
  if (indexes !== undefined && count > total)
    errors.push(
      invalid(
        field,
        count,
        `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`,
      ),
    );
  return errors;
}
