/**
 * An object against the schema of its definition, with upstream's words. What an update leaves as it was is not judged
 * again, so that a tightened schema does not make old objects impossible to change ("validation ratcheting").
 */
import { type FieldError, fieldErrors } from '@timonier/api';
import { isBigInteger } from '@timonier/api/json';
import { sameTree } from '../storage/copy.ts';
import { hasFormat } from './formats.ts';
import {
  boundOf,
  isEmbedded,
  isIntOrString,
  isObject,
  itemsOf,
  join,
  type JsonObject,
  type JsonSchema,
  preservesUnknown,
  valuesOf,
} from './json-schema.ts';
import { regexFor } from './patterns.ts';

const { duplicate, invalid, notSupported, required } = fieldErrors;

/** More are not reported: nobody reads them. */
const maxErrors = 64;

interface Walk {
  readonly errors: FieldError[];
}

/** Every violation in `value`; `old` is what it replaces, or undefined. */
export function validateValue(schema: JsonSchema, value: unknown, old: unknown, path = ''): FieldError[] {
  const walk: Walk = { errors: [] };
  check(schema, value, old, path, walk, path === '');
  return walk.errors.slice(0, maxErrors);
}

function place(path: string): string {
  return path === '' ? '<nil>' : path;
}

function check(
  schema: JsonSchema,
  value: unknown,
  old: unknown,
  path: string,
  walk: Walk,
  isRoot = false,
): void {
  if (walk.errors.length >= maxErrors) return;
  if (old !== undefined && sameTree(value, old)) return;
  if (value === null && schema.nullable === true) return;
  if (!checkType(schema, value, path, walk)) return;
  checkEnum(schema, value, path, walk);
  if (typeof value === 'string') checkString(schema, value, path, walk);
  else if (typeof value === 'number' || isBigInteger(value)) checkNumber(schema, value, path, walk);
  else if (Array.isArray(value)) checkList(schema, value, old, path, walk);
  else if (isObject(value)) checkObject(schema, value, old, path, walk, isRoot);
  checkCombinations(schema, value, path, walk);
}

/** The name of a value's JSON type, as messages have it. */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (isBigInteger(value)) return 'integer';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function fits(type: string, actual: string): boolean {
  return type === actual || (type === 'number' && actual === 'integer');
}

function checkType(schema: JsonSchema, value: unknown, path: string, walk: Walk): boolean {
  const types = isIntOrString(schema) ? ['integer', 'string'] : schema.type ? [schema.type] : [];
  const actual = typeName(value);
  if (types.length === 0 || types.some((type) => fits(type, actual))) return true;
  walk.errors.push({
    type: 'TypeInvalid',
    field: place(path),
    badValue: actual,
    detail: `${path} in body must be of type ${types.join(',')}: "${actual}"`,
  });
  return false;
}

function checkEnum(schema: JsonSchema, value: unknown, path: string, walk: Walk): void {
  if (schema.enum === undefined || schema.enum.some((known) => sameTree(known, value))) return;
  const supported = schema.enum.map((known) => (typeof known === 'string' ? known : JSON.stringify(known)));
  walk.errors.push(notSupported(path, value, supported));
}

function checkString(schema: JsonSchema, value: string, path: string, walk: Walk): void {
  const say = (detail: string): void => {
    walk.errors.push(invalid(path, value, `${path} in body ${detail}`));
  };
  const { pattern, format } = schema;
  const [minLength, maxLength] = [boundOf(schema.minLength), boundOf(schema.maxLength)];
  if (minLength !== undefined || maxLength !== undefined) {
    const length = Array.from(value).length;
    if (maxLength !== undefined && length > maxLength) walk.errors.push(fieldErrors.tooLong(path, maxLength));
    if (minLength !== undefined && length < minLength) say(`should be at least ${minLength} chars long`);
  }
  if (pattern !== undefined && pattern !== '' && regexFor(pattern)?.test(value) === false)
    say(`should match '${pattern}'`);
  if (format !== undefined && format !== '' && !hasFormat(format, value))
    walk.errors.push(
      invalid(path, value, `${path} in body must be of type ${format}: ${JSON.stringify(value)}`),
    );
}

function checkNumber(schema: JsonSchema, value: unknown, path: string, walk: Walk): void {
  const number = isBigInteger(value) ? Number(value.rawJSON) : (value as number);
  const say = (detail: string): void => {
    walk.errors.push(invalid(path, value, `${path} in body ${detail}`));
  };
  const [minimum, maximum, multipleOf] = [schema.minimum, schema.maximum, schema.multipleOf].map(boundOf);
  if (maximum !== undefined) {
    if (schema.exclusiveMaximum === true ? number >= maximum : number > maximum)
      say(`should be less than ${schema.exclusiveMaximum === true ? '' : 'or equal to '}${maximum}`);
  }
  if (minimum !== undefined) {
    if (schema.exclusiveMinimum === true ? number <= minimum : number < minimum)
      say(`should be greater than ${schema.exclusiveMinimum === true ? '' : 'or equal to '}${minimum}`);
  }
  if (multipleOf !== undefined && multipleOf > 0) {
    const quotient = number / multipleOf;
    if (Math.abs(quotient - Math.round(quotient)) > 1e-9) say(`should be a multiple of ${multipleOf}`);
  }
  if (schema.format === 'int32' && (number > 0x7fff_ffff || number < -0x8000_0000))
    walk.errors.push(invalid(path, value, `${path} in body must be of type int32: "${number}"`));
}

function checkList(
  schema: JsonSchema,
  value: readonly unknown[],
  old: unknown,
  path: string,
  walk: Walk,
): void {
  const [minItems, maxItems] = [boundOf(schema.minItems), boundOf(schema.maxItems)];
  if (maxItems !== undefined && value.length > maxItems)
    walk.errors.push(fieldErrors.tooMany(path, value.length, maxItems));
  if (minItems !== undefined && value.length < minItems)
    walk.errors.push(invalid(path, value.length, `${path} in body should have at least ${minItems} items`));
  checkListType(schema, value, path, walk);
  const items = itemsOf(schema);
  if (items === undefined) return;
  const before = oldItems(schema, old);
  for (const [i, item] of value.entries())
    check(items, item, before?.get(itemKey(schema, item)), `${path}[${i}]`, walk);
}

/** What identifies an item of an associative list. */
export function itemKey(schema: JsonSchema, item: unknown): string {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (!isObject(item)) return JSON.stringify(item);
  const properties = itemsOf(schema)?.properties ?? {};
  return JSON.stringify(keys.map((key) => item[key] ?? properties[key]?.default ?? null));
}

/** The old items of a list whose items have keys, by key. */
export function oldItems(schema: JsonSchema, old: unknown): ReadonlyMap<string, unknown> | undefined {
  if (schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(old)) return undefined;
  return new Map(old.map((item) => [itemKey(schema, item), item]));
}

function checkListType(schema: JsonSchema, value: readonly unknown[], path: string, walk: Walk): void {
  const listType = schema['x-kubernetes-list-type'];
  if (listType !== 'set' && listType !== 'map') return;
  const seen = new Set<string>();
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  for (const [i, item] of value.entries()) {
    const key = listType === 'map' ? itemKey(schema, item) : canonical(item);
    if (!seen.has(key)) {
      seen.add(key);
      continue;
    }
    const shown =
      listType === 'map' && isObject(item)
        ? Object.fromEntries([...keys].sort().map((name) => [name, item[name]]))
        : item;
    walk.errors.push(duplicate(`${path}[${i}]`, shown));
  }
}

function canonical(value: unknown): string {
  if (!isObject(value)) return JSON.stringify(value);
  return JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function checkObject(
  schema: JsonSchema,
  value: JsonObject,
  old: unknown,
  path: string,
  walk: Walk,
  isRoot: boolean,
): void {
  const { properties = {} } = schema;
  const [minProperties, maxProperties] = [boundOf(schema.minProperties), boundOf(schema.maxProperties)];
  const names = Object.keys(value);
  if (maxProperties !== undefined && names.length > maxProperties)
    walk.errors.push(fieldErrors.tooMany(path, names.length, maxProperties));
  if (minProperties !== undefined && names.length < minProperties)
    walk.errors.push(
      invalid(path, names.length, `${path} in body should have at least ${minProperties} properties`),
    );
  for (const name of schema.required ?? [])
    if (!Object.hasOwn(value, name)) walk.errors.push(required(join(path, name)));
  if (isEmbedded(schema)) checkEmbedded(value, path, walk);
  const values = valuesOf(schema);
  for (const name of names) {
    // Metadata is checked by the rules that all kinds share.
    if (isRoot && (name === 'metadata' || name === 'apiVersion' || name === 'kind')) {
      const inner = properties[name];
      if (name === 'metadata' && inner !== undefined) checkMetadata(inner, value[name], walk);
      continue;
    }
    const inner = Object.hasOwn(properties, name) ? properties[name] : values;
    if (inner === undefined) continue;
    const before = isObject(old) && Object.hasOwn(old, name) ? old[name] : undefined;
    check(
      inner,
      value[name],
      before,
      values !== inner || path === '' ? join(path, name) : mapPlace(path, name),
      walk,
    );
  }
}

function mapPlace(path: string, key: string): string {
  return `${path}.${key}`;
}

/** A schema may restrict an object's name. */
function checkMetadata(schema: JsonSchema, metadata: unknown, walk: Walk): void {
  if (!isObject(metadata)) return;
  for (const name of ['name', 'generateName']) {
    const inner = schema.properties?.[name];
    const value = metadata[name];
    if (inner !== undefined && typeof value === 'string')
      check(inner, value, undefined, `metadata.${name}`, walk);
  }
}

function checkEmbedded(value: JsonObject, path: string, walk: Walk): void {
  for (const name of ['apiVersion', 'kind'])
    if (typeof value[name] !== 'string' || value[name] === '')
      walk.errors.push(required(join(path, name), 'must not be empty'));
  if (value['metadata'] !== undefined && !isObject(value['metadata']))
    walk.errors.push(invalid(join(path, 'metadata'), value['metadata'], 'must be an object'));
}

function violations(schema: JsonSchema, value: unknown, path: string): FieldError[] {
  const walk: Walk = { errors: [] };
  check(schema, value, undefined, path, walk);
  return walk.errors;
}

function checkCombinations(schema: JsonSchema, value: unknown, path: string, walk: Walk): void {
  const say = (detail: string): void => {
    walk.errors.push(invalid(path, shown(value), `${path === '' ? '<nil>' : path} in body ${detail}`));
  };
  const { allOf = [], anyOf = [], oneOf = [], not } = schema;
  const all = allOf.map((inner) => violations(inner, value, path));
  if (all.some((errors) => errors.length > 0)) {
    for (const errors of all) walk.errors.push(...errors);
    say('must validate all the schemas (allOf)');
  }
  if (anyOf.length > 0) {
    const results = anyOf.map((inner) => violations(inner, value, path));
    if (results.every((errors) => errors.length > 0)) {
      say('must validate at least one schema (anyOf)');
      walk.errors.push(...(results.sort((a, b) => a.length - b.length)[0] ?? []));
    }
  }
  if (oneOf.length > 0) {
    const results = oneOf.map((inner) => violations(inner, value, path));
    const valid = results.filter((errors) => errors.length === 0).length;
    if (valid === 0) {
      say('must validate one and only one schema (oneOf). Found none valid');
      walk.errors.push(...(results.sort((a, b) => a.length - b.length)[0] ?? []));
    } else if (valid > 1)
      say(`must validate one and only one schema (oneOf). Found ${valid} valid alternatives`);
  }
  if (not !== undefined && violations(not, value, path).length === 0)
    say('must not validate the schema (not)');
}

function shown(value: unknown): unknown {
  return isObject(value) || Array.isArray(value) ? '' : value;
}

/** Whether values that the schema does not name may be there. */
export function isOpen(schema: JsonSchema): boolean {
  return preservesUnknown(schema) || schema.additionalProperties !== undefined;
}
