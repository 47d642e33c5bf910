/**
 * The query parameters of a request. Each verb knows which ones it takes and in which form; as upstream, others are
 * ignored, and texts that are no boolean count as true.
 */
import { parseDuration } from '@timonier/component';
import { firstUnprintable, goQuoted } from '@timonier/api/go-quoted';
import { badRequest, invalid, StatusError } from '@timonier/api/statuses';
import { mediaType } from '../http/media.ts';
import type { ResourceRequest } from '../http/request-info.ts';

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

/** Throws 422 for wrong values of the parameters that every write takes. */
export function checkParameters(
  target: ResourceRequest,
  query: URLSearchParams,
  contentType: string | undefined,
): void {
  if (passedOn.has(target.subresource.split('/')[0] ?? '')) return;
  const kind = optionsKind[target.verb];
  if (kind === undefined) return;
  const problems = target.verb === 'patch' ? patchProblems(query, contentType) : [];
  checkWriteParameters(kind, query, problems);
}

/** Who applies must say who they are, and nobody else has conflicts to force. */
function patchProblems(query: URLSearchParams, contentType: string | undefined): readonly Problem[] {
  if (mediaType(contentType) === 'application/apply-patch+yaml') {
    if ((query.get('fieldManager') ?? '') !== '') return [];
    const message = 'Required value: is required for apply patch';
    return [{ field: 'fieldManager', reason: 'FieldValueRequired', message }];
  }
  return booleanParameter(query, 'force') === undefined
    ? []
    : [forbiddenProblem('force', 'may not be specified for non-apply patch')];
}

function checkWriteParameters(kind: string, query: URLSearchParams, before: readonly Problem[]): void {
  const isDelete = kind === 'DeleteOptions';
  const problems: Problem[] = [...before, ...dryRunProblems(query.getAll('dryRun'))];
  const manager = query.get('fieldManager') ?? '';
  if (!isDelete) {
    problems.push(...managerProblems(manager));
    const validation = query.get('fieldValidation') ?? '';
    if (!fieldValidations.includes(validation))
      problems.push(notSupported('fieldValidation', JSON.stringify(validation), fieldValidations));
  }
  refuseOptions(kind, problems);
}

/** What is wrong with an option, as causes have it. */
export interface Problem {
  readonly field: string;
  readonly reason: string;
  readonly message: string;
}

/** Throws 422 when there are problems with the options of a verb, or of a subresource that has some of its own. */
export function refuseOptions(
  kind: string,
  problems: readonly Problem[],
  { group = 'meta.k8s.io', name = '' } = {},
): void {
  if (problems.length === 0) return;
  const texts = problems.map(({ field, message }) => `${field}: ${message}`);
  const text = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  throw new StatusError(invalid({ group, kind }, name, text, [...problems]));
}

/** An option that may not be there beside others. */
export function forbiddenProblem(field: string, detail: string): Problem {
  return { field, reason: 'FieldValueForbidden', message: `Forbidden: ${detail}` };
}

/** `value` is shown as it is. */
export function notSupported(field: string, value: string, supported: readonly string[]): Problem {
  const values = supported.map((text) => JSON.stringify(text)).join(', ');
  return {
    field,
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${value}: supported values: ${values}`,
  };
}

/** Of `dryRun`, in the query or in a body. */
export function dryRunProblems(values: readonly string[]): readonly Problem[] {
  if (values.every((value) => value === 'All')) return [];
  return [notSupported('dryRun', JSON.stringify(values), ['All'])];
}

function managerProblems(manager: string): readonly Problem[] {
  const field = 'fieldManager';
  if (manager.length > maxManagerLength)
    return [
      {
        field,
        reason: 'FieldValueTooLong',
        message: `Too long: may not be more than ${maxManagerLength} bytes`,
      },
    ];
  const unprintable = firstUnprintable(manager);
  if (unprintable === undefined) return [];
  const message = `Invalid value: ${goQuoted(manager)}: invalid character ${unprintable}`;
  return [{ field, reason: 'FieldValueInvalid', message }];
}

/** Only words for no are false; anything else, also nothing, is true. */
export function booleanParameter(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  return value !== '0' && value.toLowerCase() !== 'false';
}

/** An integer. Throws 400. */
export function numberParameter(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^[+-]?\d+$/.test(value))
    throw bad(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
  const number = BigInt(value.replace('+', ''));
  if (BigInt.asIntN(64, number) !== number)
    throw bad(`strconv.ParseInt: parsing ${JSON.stringify(value)}: value out of range`);
  // What is larger than that is as good as endless.
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number(value), Number.MAX_SAFE_INTEGER));
}

/** A resource version: absent, or a revision. `prefix` stands before the text about a wrong one. */
export function revisionParameter(
  query: URLSearchParams,
  name = 'resourceVersion',
  prefix = 'invalid resource version: ',
): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^\d{1,15}$/.test(value)) {
    const quoted = JSON.stringify(value);
    throw bad(
      `${prefix}${name}: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`,
    );
  }
  return Number(value);
}

/** True for `dryRun=All`; values were checked before. */
export function dryRunParameter(values: readonly string[]): boolean {
  return values.length > 0;
}

/** How long a request may take at most, in milliseconds: upstream's `--request-timeout`. */
const longestMs = 60_000;

/** How long the client waits, by its `timeout`; milliseconds. What is no duration, and what is none at all, says nothing. */
export function patienceOf(query: URLSearchParams): number {
  const text = query.get('timeout') ?? '';
  if (text === '') return longestMs;
  try {
    const asked = parseDuration(text);
    return asked > 0 ? Math.min(asked, longestMs) : longestMs;
  } catch {
    return longestMs;
  }
}

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';
const fieldValidations: readonly string[] = ['', 'Ignore', 'Strict', 'Warn'];

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

/** Options that say who writes, and how strictly what they write is read. */
export function askedOptions(query: URLSearchParams): {
  readonly fieldManager?: string;
  readonly fieldValidation?: string;
} {
  const [fieldManager, fieldValidation] = [query.get('fieldManager'), query.get('fieldValidation')];
  return { ...(fieldManager ? { fieldManager } : {}), ...(fieldValidation ? { fieldValidation } : {}) };
}

export function bad(message: string): StatusError {
  return new StatusError(badRequest(message));
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
