/**
 * What is wrong with one field, in the words clients know, and the Status that carries a list of them. Fields are
 * paths such as `spec.containers[0].name`.
 */
import type { Status } from '../generated/types.ts';
import { goQuoted } from '../go-quoted.ts';
import { invalid as invalidStatusOf } from '../statuses.ts';

export type FieldErrorType =
  | 'Required'
  | 'Invalid'
  | 'TypeInvalid'
  | 'NotSupported'
  | 'Duplicate'
  | 'Forbidden'
  | 'NotFound'
  | 'TooLong'
  | 'TooMany'
  | 'InternalError';

export interface FieldError {
  readonly type: FieldErrorType;
  readonly field: string;
  readonly badValue?: unknown;
  readonly detail: string;
}

const PHRASES: Readonly<Record<FieldErrorType, string>> = {
  Required: 'Required value',
  Invalid: 'Invalid value',
  TypeInvalid: 'Invalid value',
  NotSupported: 'Unsupported value',
  Duplicate: 'Duplicate value',
  Forbidden: 'Forbidden',
  NotFound: 'Not found',
  TooLong: 'Too long',
  TooMany: 'Too many',
  InternalError: 'Internal error',
};
const REASONS: Readonly<Record<FieldErrorType, string>> = {
  Required: 'FieldValueRequired',
  Invalid: 'FieldValueInvalid',
  TypeInvalid: 'FieldValueTypeInvalid',
  NotSupported: 'FieldValueNotSupported',
  Duplicate: 'FieldValueDuplicate',
  Forbidden: 'FieldValueForbidden',
  NotFound: 'FieldValueNotFound',
  TooLong: 'FieldValueTooLong',
  TooMany: 'FieldValueTooMany',
  InternalError: 'InternalError',
};

/** More errors than these are not looked for: nobody reads them, and a hostile body could have a million. */
const maxFieldErrors = 100;

/** Nor are errors that say more than this together: each shows the value that is wrong, which may be the longest list. */
const maxShownLength = 1024 * 1024;

/** Validation found more than an answer shows; it is over. Never leaves `bounded`. */
class TooManyFieldErrors extends Error {}

interface Found {
  readonly errors: FieldError[];
  shownLength: number;
}

/** What the validation under way has found. Validation never waits, so that there is only one at a time. */
let found: Found | undefined;

/** Runs a validation that ends at what an answer shows: the errors it returns, or the first ones it made. */
export function bounded(validation: () => FieldError[]): FieldError[] {
  if (found !== undefined) return validation();
  const own: Found = { errors: [], shownLength: 0 };
  found = own;
  try {
    return validation();
  } catch (error) {
    if (error instanceof TooManyFieldErrors) return own.errors;
    throw error;
  } finally {
    found = undefined;
  }
}

/** Runs a validation whose errors do not count for the one under way. */
export function aside(validation: () => FieldError[]): FieldError[] {
  const outer = found;
  found = undefined;
  try {
    return bounded(validation);
  } finally {
    found = outer;
  }
}

function made(error: FieldError): FieldError {
  if (found === undefined) return error;
  const { errors } = found;
  if (errors.length >= maxFieldErrors) throw new TooManyFieldErrors('too many errors');
  // The first one is told, however long it is.
  found.shownLength += error.field.length + error.detail.length + lengthOf(error.badValue);
  if (errors.length > 0 && found.shownLength > maxShownLength)
    throw new TooManyFieldErrors('errors that say too much');
  errors.push(error);
  return error;
}

export function required(field: string, detail = ''): FieldError {
  return made({ type: 'Required', field, detail });
}
export function invalid(field: string, badValue: unknown, detail: string): FieldError {
  return made({ type: 'Invalid', field, badValue, detail });
}
/** `supported` in the order in which upstream names them: mostly by the alphabet, at some places by its own list. */
export function notSupported(field: string, badValue: unknown, supported: readonly string[]): FieldError {
  const values = supported.map((value) => JSON.stringify(value));
  return made({ type: 'NotSupported', field, badValue, detail: `supported values: ${values.join(', ')}` });
}
export function duplicate(field: string, badValue: unknown, detail = ''): FieldError {
  return made({ type: 'Duplicate', field, badValue, detail });
}
export function forbidden(field: string, detail: string): FieldError {
  return made({ type: 'Forbidden', field, detail });
}
export function notFound(field: string, badValue: unknown, detail = ''): FieldError {
  return made({ type: 'NotFound', field, badValue, detail });
}
export function tooLong(field: string, max: number): FieldError {
  return made({ type: 'TooLong', field, detail: `may not be more than ${max} bytes` });
}
export function tooMany(field: string, actual: number, max: number): FieldError {
  const items = max === 1 ? 'item' : 'items';
  return made({ type: 'TooMany', field, badValue: actual, detail: `must have at most ${max} ${items}` });
}

export function internal(field: string, detail: string): FieldError {
  return made({ type: 'InternalError', field, detail });
}

/** Stands for a value that is not shown. */
export const OMITTED: unique symbol = Symbol('omitted');

/** The path of errors about an object as a whole, as upstream writes the path of an empty name. */
export const WHOLE = '[]';

const BARE: ReadonlySet<FieldErrorType> = new Set(['Required', 'Forbidden', 'TooLong', 'InternalError']);

/** The text without the field: what stands in a cause. */
export function errorBody(error: FieldError): string {
  const phrase = PHRASES[error.type];
  const bare = BARE.has(error.type);
  const value = bare || error.badValue === OMITTED ? '' : `: ${showValue(error.badValue)}`;
  return `${phrase}${value}${error.detail === '' ? '' : `: ${error.detail}`}`;
}

function showValue(value: unknown): string {
  if (typeof value === 'string') return goQuoted(value);
  return value === undefined ? 'null' : JSON.stringify(value);
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  return typeof value === 'object' && value !== null ? JSON.stringify(value).length : 0;
}

/** The whole text: `spec.replicas: Invalid value: -1: must be greater than or equal to 0`. */
export function formatFieldError(error: FieldError): string {
  return `${error.field === '' ? '<nil>' : error.field}: ${errorBody(error)}`;
}

/** The 422 for a list of errors; `info` names the kind. */
export function invalidStatus(
  info: { readonly group: string; readonly kind: string },
  name: string,
  errors: readonly FieldError[],
): Status {
  const texts = [...new Set(errors.map(formatFieldError))];
  const message = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  return invalidStatusOf(
    info,
    name,
    message,
    errors.map((e) => ({ reason: REASONS[e.type], message: errorBody(e), field: e.field })),
  );
}
