/**
 * The query parameters of a request: each verb knows which ones it takes and in which form; any other is an error, so
 * that a misspelt one is never ignored.
 */
import { badRequest, invalid, StatusError } from '@timonier/api/statuses';
import type { ResourceRequest } from '../http/request-info.ts';

const everywhere = ['pretty', 'timeout'];
const reading = ['resourceVersion', 'includeObject'];
const listing = [
  ...reading,
  'allowWatchBookmarks',
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersionMatch',
  'sendInitialEvents',
  'shardSelector',
  'timeoutSeconds',
  'watch',
];
const writing = ['dryRun', 'fieldManager', 'fieldValidation'];
const deleting = [
  'dryRun',
  'gracePeriodSeconds',
  'ignoreStoreReadErrorWithClusterBreakingPotential',
  'orphanDependents',
  'propagationPolicy',
];

const known: Readonly<Record<ResourceRequest['verb'], ReadonlySet<string>>> = {
  get: new Set([...everywhere, ...reading]),
  list: new Set([...everywhere, ...listing]),
  watch: new Set([...everywhere, ...listing]),
  create: new Set([...everywhere, ...writing]),
  update: new Set([...everywhere, ...writing]),
  patch: new Set([...everywhere, ...writing, 'force']),
  delete: new Set([...everywhere, ...deleting]),
  deletecollection: new Set([...everywhere, ...listing, ...deleting]),
};
/** Parameters of these belong to the node they are passed on to. */
const passedOn: ReadonlySet<string> = new Set(['log', 'exec', 'attach', 'portforward', 'proxy']);

/** What upstream calls the set of parameters of a verb; its name is in the answer to a wrong value. */
const optionsKind: Partial<Readonly<Record<ResourceRequest['verb'], string>>> = {
  create: 'CreateOptions',
  update: 'UpdateOptions',
  patch: 'PatchOptions',
  delete: 'DeleteOptions',
  deletecollection: 'DeleteOptions',
};

/** Throws 400 for a parameter that the request does not take, and 422 for a wrong value of one that every write takes. */
export function checkParameters(target: ResourceRequest, query: URLSearchParams): void {
  if (passedOn.has(target.subresource.split('/')[0] ?? '')) return;
  const allowed = known[target.verb];
  for (const name of query.keys()) {
    if (!allowed.has(name)) throw bad(`unknown query parameter "${name}" for ${target.verb}`);
  }
  checkWriteParameters(optionsKind[target.verb], query);
}

function checkWriteParameters(kind: string | undefined, query: URLSearchParams): void {
  if (kind === undefined) return;
  const refuse = (field: string, reason: string, message: string): never => {
    const cause = { reason, message, field };
    throw new StatusError(invalid({ group: 'meta.k8s.io', kind }, '', `${field}: ${message}`, [cause]));
  };
  const unsupported = (field: string, value: string, supported: readonly string[]): never =>
    refuse(
      field,
      'FieldValueNotSupported',
      `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported.map((text) => JSON.stringify(text)).join(', ')}`,
    );
  for (const value of query.getAll('dryRun')) if (value !== 'All') unsupported('dryRun', value, ['All']);
  const validation = query.get('fieldValidation') ?? '';
  if (!['', ...fieldValidations].includes(validation))
    unsupported('fieldValidation', validation, fieldValidations);
  if ((query.get('fieldManager') ?? '').length > maxManagerLength)
    refuse('fieldManager', 'FieldValueTooLong', `Too long: may not be more than ${maxManagerLength} bytes`);
}

export function booleanParameter(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (['1', 't', 'T', 'true', 'TRUE', 'True', ''].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  throw bad(`query parameter "${name}" is "${value}", which is neither true nor false`);
}

/** A non-negative integer. */
export function numberParameter(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^\d{1,15}$/.test(value)) throw bad(`query parameter "${name}" is "${value}", which is not a number`);
  return Number(value);
}

/** A resource version: absent, or a revision. */
export function revisionParameter(query: URLSearchParams, name = 'resourceVersion'): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^\d{1,15}$/.test(value))
    throw bad(`invalid resource version "${value}": strconv.ParseUint: parsing "${value}": invalid syntax`);
  return Number(value);
}

/** True for `dryRun=All`. Throws 400 for other values. */
export function dryRunParameter(values: readonly string[]): boolean {
  for (const value of values) {
    if (value !== 'All') throw bad(`Invalid value: "${value}": dryRun supports only "All"`);
  }
  return values.length > 0;
}

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';
const fieldValidations: readonly string[] = ['Ignore', 'Strict', 'Warn'];

export function fieldValidationParameter(query: URLSearchParams): FieldValidation {
  const value = query.get('fieldValidation') ?? '';
  if (value === '') return 'Warn';
  if (value === 'Ignore' || value === 'Warn' || value === 'Strict') return value;
  throw bad(`fieldValidation: Unsupported value: "${value}": supported values: "Ignore", "Strict", "Warn"`);
}

const maxManagerLength = 128;

/** Who owns the fields that a request sets: the parameter, or the first word of the user agent. */
export function managerOf(query: URLSearchParams, userAgent: string | undefined): string {
  const given = query.get('fieldManager') ?? '';
  if (given.length > maxManagerLength) throw bad(`fieldManager must not be longer than ${maxManagerLength}`);
  const agent = (userAgent ?? '').split('/')[0]?.slice(0, maxManagerLength) ?? '';
  return given || agent || 'unknown';
}

export function bad(message: string): StatusError {
  return new StatusError(badRequest(message));
}

/** 422: an option of a list or watch that another one forbids. */
export function forbiddenOption(field: string, detail: string): StatusError {
  return invalidOption(field, 'FieldValueForbidden', `Forbidden: ${detail}`);
}

/** 422: an option of a list or watch that has none of its possible values. */
export function unsupportedOption(field: string, value: string, supported: readonly string[]): StatusError {
  const values = supported.map((text) => JSON.stringify(text)).join(', ');
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${values}`;
  return invalidOption(field, 'FieldValueNotSupported', message);
}

function invalidOption(field: string, reason: string, message: string): StatusError {
  const kind = { group: 'meta.k8s.io', kind: 'ListOptions' };
  return new StatusError(invalid(kind, '', `${field}: ${message}`, [{ reason, message, field }]));
}
