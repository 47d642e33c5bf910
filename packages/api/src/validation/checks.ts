/** Rules that many kinds share. Each takes the field's path and returns what is wrong. */
import { isIP } from 'node:net';
import type { LabelSelector } from '../generated/types.ts';
import { isPercent } from '../int-or-string.ts';
import { requirementsOf, SelectorError } from '../label-selector.ts';
import { isBigInteger } from '../json.ts';
import { checkLabelValue, checkQualifiedName } from '../names.ts';
import { duplicate, invalid, notSupported, required, type FieldError } from './field-error.ts';

/** Applies a check of `names.ts` to a value that must be there. */
export function checkName(
  field: string,
  value: string | undefined,
  check: (value: string) => string[],
): FieldError[] {
  if (value === undefined || value === '') return [required(field)];
  return check(value).map((text) => invalid(field, value, text));
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
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%', or '93%', regex used for validation is '[0-9]+%')",
    ),
  ];
}

export function labels(field: string, map: Readonly<Record<string, string>> | undefined): FieldError[] {
  return Object.entries(map ?? {}).flatMap(([key, value]) => [
    ...checkQualifiedName(key).map((text) => invalid(field, key, text)),
    ...checkLabelValue(value).map((text) => invalid(field, value, text)),
  ]);
}

export function labelSelector(field: string, selector: LabelSelector): FieldError[] {
  const errors = labels(`${field}.matchLabels`, selector.matchLabels);
  for (const [i, { key, operator, values }] of (selector.matchExpressions ?? []).entries()) {
    const at = `${field}.matchExpressions[${i}]`;
    const count = values?.length ?? 0;
    if (operator === 'In' || operator === 'NotIn') {
      if (count === 0) {
        errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      }
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (count > 0) {
        errors.push({
          type: 'Forbidden',
          field: `${at}.values`,
          detail: "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        });
      }
    } else {
      errors.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    }
    errors.push(...checkQualifiedName(key).map((text) => invalid(`${at}.key`, key, text)));
  }
  if (errors.length > 0) return errors;
  try {
    requirementsOf(selector);
    return [];
  } catch (error) {
    if (error instanceof SelectorError) return [invalid(field, selector, error.message)];
    throw error;
  }
}

/** Compares without regard to the order of keys; a field that is undefined is one that is absent. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]))
    );
  }
  const [left, right] = [a, b] as [Record<string, unknown>, Record<string, unknown>];
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => same(ownValue(left, key), ownValue(right, key)));
}

function ownValue(object: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export const IMMUTABLE = 'field is immutable';

export function immutable(field: string, now: unknown, before: unknown): FieldError[] {
  return same(now, before) ? [] : [invalid(field, now, IMMUTABLE)];
}

/** Reports every name after its first use. */
export function uniqueNames(
  items: readonly { readonly name?: string }[],
  path: (index: number) => string,
  seen: Set<string> = new Set(),
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, { name }] of items.entries()) {
    if (name === undefined || name === '') continue;
    if (seen.has(name)) errors.push(duplicate(path(i), name));
    seen.add(name);
  }
  return errors;
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

export const NOT_A_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** An address range in the usual notation. */
export function isCidr(text: string): boolean {
  const [address = '', bits = '', ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  return Number(bits) <= (version === 4 ? 32 : 128);
}
