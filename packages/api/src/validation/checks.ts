/** Rules that many kinds share. Each takes the field's path and returns what is wrong. */
import type { LabelSelector } from '../generated/types.ts';
import { isPercent } from '../int-or-string.ts';
import { isBigInteger } from '../json.ts';
import { checkDns1123Subdomain, checkLabelValue, checkQualifiedName } from '../names.ts';
import { sameJson as same } from '../same-json.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';

/** Applies a check of `names.ts` to a value that must be there. */
export function checkName(
  field: string,
  value: string | undefined,
  check: (value: string) => string[],
): FieldError[] {
  if (value === undefined || value === '') return [required(field)];
  return check(value).map((text) => invalid(field, value, text));
}

/** One error for each of the `texts` that a check of `names.ts` found. */
export function invalidBy(texts: readonly string[], field: string, value: unknown): FieldError[] {
  return texts.map((text) => invalid(field, value, text));
}

/** The key of a label, a taint, a resource; empty is wrong. */
export function qualifiedName(field: string, value: string | undefined): FieldError[] {
  return invalidBy(checkQualifiedName(value ?? ''), field, value ?? '');
}

/** For comparing: integers beyond 2^53 are stand-ins that are no numbers, and compared like one they throw. */
export function sizeOf(value: number): number {
  const given: unknown = value;
  return isBigInteger(given) ? Number(given.rawJSON) : value;
}

export function nonNegative(field: string, value: number | undefined): FieldError[] {
  return value === undefined || sizeOf(value) >= 0
    ? []
    : [invalid(field, value, 'must be greater than or equal to 0')];
}

export function inRange(field: string, value: number, min: number, max: number): FieldError[] {
  const size = sizeOf(value);
  return size >= min && size <= max
    ? []
    : [invalid(field, value, `must be between ${min} and ${max}, inclusive`)];
}

export function port(field: string, value: number): FieldError[] {
  return inRange(field, value, 1, 65_535);
}

/** A number that is not negative, or a percentage. */
export function countOrPercent(field: string, value: number | string | undefined): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === 'number') return nonNegative(field, value);
  if (isPercent(value)) return [];
  return [
    invalid(
      field,
      value,
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    ),
  ];
}

/** A percentage is not more than all of it. */
export function notAboveAll(field: string, value: number | string | undefined): FieldError[] {
  return typeof value === 'string' && isPercent(value) && Number(value.slice(0, -1)) > 100
    ? [invalid(field, value, 'must not be greater than 100%')]
    : [];
}

export function labels(field: string, map: Readonly<Record<string, string>> | undefined): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of Object.keys(map ?? {})) {
    const value = map?.[key] ?? '';
    for (const text of checkQualifiedName(key)) errors.push(invalid(field, key, text));
    for (const text of checkLabelValue(value)) errors.push(invalid(field, value, text));
  }
  return errors;
}

export function labelSelector(field: string, selector: LabelSelector): FieldError[] {
  const errors = labels(`${field}.matchLabels`, selector.matchLabels);
  for (const [i, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const at = `${field}.matchExpressions[${i}]`;
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) errors.push(required(`${at}.values`, NEEDS_VALUES));
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) errors.push(forbidden(`${at}.values`, TAKES_NO_VALUES));
    } else errors.push(invalid(`${at}.operator`, operator, NO_OPERATOR));
    errors.push(...qualifiedName(`${at}.key`, key));
    for (const [j, value] of values.entries())
      errors.push(...invalidBy(checkLabelValue(value), `${at}.values[${j}]`, value));
  }
  return errors;
}

export const NEEDS_VALUES = "must be specified when `operator` is 'In' or 'NotIn'";
export const TAKES_NO_VALUES = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
export const NO_OPERATOR = 'not a valid selector operator';

export { same };

export const IMMUTABLE = 'field is immutable';

export function immutable(field: string, now: unknown, before: unknown): FieldError[] {
  return same(now, before) ? [] : [invalid(field, now, IMMUTABLE)];
}

export function positive(field: string, value: number | undefined): FieldError[] {
  return value === undefined || value > 0 ? [] : [invalid(field, value, 'must be greater than 0')];
}

/** A text that must be there, and one of a few; `supported` are all there are. */
export function oneOf(
  field: string,
  value: string | undefined,
  supported: readonly string[],
  detail = '',
): FieldError[] {
  if (value === undefined || value === '') return [required(field, detail)];
  return supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

/** A domain, a slash and a path. */
export function prefixedPath(field: string, value: string): FieldError[] {
  if (value === '') return [required(field)];
  const slash = value.indexOf('/');
  if (slash < 1 || slash === value.length - 1)
    return [invalid(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  const [host, path] = [value.slice(0, slash), value.slice(slash + 1)];
  const errors = invalidBy(checkDns1123Subdomain(host), field, host);
  if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(path))
    errors.push(
      invalid(field, path, "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')"),
    );
  return errors;
}
