/** The rules that claims of devices and slices of them share: names, taints and tolerations, parameters. */
import type { DeviceTaint, DeviceToleration } from '../generated/types.ts';
import { checkDns1123Subdomain, checkLabelValue, checkQualifiedName } from '../names.ts';
import { invalidBy, qualifiedName } from './checks.ts';
import {
  duplicate,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
  type FieldError,
} from './field-error.ts';
import { driverName } from './volume-sources.ts';

type Rule<T> = (item: T, at: string) => FieldError[];

/** What is wrong with the items of a list; nothing is said of those of one that is too long. */
export function items<T>(
  list: readonly T[] | undefined,
  max: number,
  path: string,
  rule: Rule<T>,
): FieldError[] {
  if (list === undefined) return [];
  if (list.length > max) return [tooMany(path, list.length, max)];
  return list.flatMap((item, i) => rule(item, `${path}[${i}]`));
}

/** Like `items`, of which no two have the same key. */
export function distinctItems<T>(
  list: readonly T[] | undefined,
  max: number,
  path: string,
  rule: Rule<T>,
  keyOf: (item: T) => string,
): FieldError[] {
  const errors = items(list, max, path, rule);
  if (list === undefined || list.length > max) return errors;
  const seen = new Set<string>();
  for (const [i, item] of list.entries()) {
    const key = keyOf(item) ?? '';
    if (seen.has(key)) errors.push(duplicate(`${path}[${i}]`, key));
    seen.add(key);
  }
  return errors;
}

const MAX_POOL = 253;

/** Subdomains separated by slashes. */
export function poolName(name: string | undefined, field: string): FieldError[] {
  if (!name) return [required(field)];
  const errors = name.length > MAX_POOL ? [tooLong(field, MAX_POOL)] : [];
  for (const part of name.split('/')) errors.push(...invalidBy(checkDns1123Subdomain(part), field, part));
  return errors;
}

const MAX_IDENTIFIER = 32;
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

function identifier(name: string, field: string): FieldError[] {
  const errors = name.length > MAX_IDENTIFIER ? [tooLong(field, MAX_IDENTIFIER)] : [];
  if (!IDENTIFIER.test(name))
    errors.push(
      invalid(
        field,
        name,
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
      ),
    );
  return errors;
}

/** The name of an attribute or a capacity: an identifier, with a domain or without. */
export function deviceKey(name: string, field: string): FieldError[] {
  const [first = '', second, ...more] = name.split('/');
  if (second === undefined) return identifier(first, field);
  if (more.length > 0) return [invalid(field, name, 'must not contain more than one slash')];
  return [
    ...(first === '' ? [invalid(field, '', 'the domain must not be empty')] : driverName(field, first)),
    ...(second === '' ? [invalid(field, '', 'the name must not be empty')] : identifier(second, field)),
  ];
}

/** One with a domain. */
export function fullDeviceKey(name: string, field: string): FieldError[] {
  const errors = deviceKey(name, field);
  if (!name.includes('/'))
    errors.push(
      invalid(field, name, 'a fully qualified name must be a domain and a name separated by a slash'),
    );
  return errors;
}

const EFFECTS = ['NoExecute', 'NoSchedule', 'None'];

export function deviceTaint({ key, value = '', effect }: DeviceTaint, at: string): FieldError[] {
  const errors = qualifiedName(`${at}.key`, key);
  errors.push(...invalidBy(checkLabelValue(value), `${at}.value`, value));
  if (!effect) errors.push(required(`${at}.effect`));
  else if (!EFFECTS.includes(effect)) errors.push(notSupported(`${at}.effect`, effect, EFFECTS));
  return errors;
}

export function deviceToleration(one: DeviceToleration, at: string): FieldError[] {
  const { key = '', operator = '', value = '', effect = '' } = one;
  const errors = key === '' ? [] : invalidBy(checkQualifiedName(key), `${at}.key`, key);
  if (operator === 'Exists') {
    if (value !== '') errors.push(invalid(`${at}.value`, value, 'must be empty for operator `Exists`'));
  } else if (operator === 'Equal') errors.push(...invalidBy(checkLabelValue(value), `${at}.value`, value));
  else if (operator === '') errors.push(required(`${at}.operator`));
  else errors.push(notSupported(`${at}.operator`, operator, ['Equal', 'Exists']));
  if (effect !== '' && !EFFECTS.includes(effect)) errors.push(notSupported(`${at}.effect`, effect, EFFECTS));
  return errors;
}

/** Anything a driver understands, as long as it is an object that is not too large. */
export function driverData(data: unknown, max: number, field: string): FieldError[] {
  if (data === undefined || data === null) return [required(field)];
  if (Buffer.byteLength(JSON.stringify(data)) > max) return [tooLong(field, max)];
  if (typeof data !== 'object' || Array.isArray(data))
    return [invalid(field, '<value omitted>', 'must be a valid JSON object')];
  return [];
}

const MAX_BINDING_CONDITIONS = 4;

/** Conditions that binding a pod waits for, and those that it fails with: both or none, and no type in both. */
export function bindingConditions(
  awaited: readonly string[] = [],
  failures: readonly string[] = [],
  at: string,
): FieldError[] {
  const lists = [
    ['bindingConditions', awaited],
    ['bindingFailureConditions', failures],
  ] as const;
  const errors = lists.flatMap(([field, list]) =>
    items(list, MAX_BINDING_CONDITIONS, `${at}.${field}`, (type, path) => qualifiedName(path, type)),
  );
  const known = new Set(awaited);
  for (const [field, list] of lists) {
    const seen = new Set<string>();
    for (const [i, type] of list.entries()) {
      const path = `${at}.${field}[${i}]`;
      if (seen.has(type)) errors.push(duplicate(path, type));
      seen.add(type);
      if (list === failures && known.has(type))
        errors.push(invalid(path, type, 'bindingFailureConditions must not overlap with bindingConditions'));
    }
  }
  if (awaited.length === 0 && failures.length > 0)
    errors.push(
      invalid(
        `${at}.bindingConditions`,
        null,
        'bindingConditions are required to use bindingFailureConditions',
      ),
    );
  if (failures.length === 0 && awaited.length > 0)
    errors.push(
      invalid(
        `${at}.bindingFailureConditions`,
        null,
        'bindingFailureConditions are required to use bindingConditions',
      ),
    );
  return errors;
}
