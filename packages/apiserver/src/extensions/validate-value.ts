/**
 * An object against the schema of its definition, with upstream's words and in its order: type, combinations, bounds,
 * items, enumeration, fields. What an update leaves as it was is not judged again, so that a tightened schema does not
 * make old objects impossible to change ("validation ratcheting"); but for alternatives, which are judged whole.
 */
import type { FieldError } from '@timonier/api';
import { isBigInteger } from '@timonier/api/json';
import { sameTree } from '../storage/copy.ts';
import { fieldOf, Findings, maxErrors } from './findings.ts';
import {
  boundOf,
  isEmbedded,
  isObject,
  itemsOf,
  join,
  type JsonObject,
  type JsonSchema,
  valuesOf,
} from './json-schema.ts';
import { itemKey, oldItems } from './list-types.ts';
import { checkNumber, checkText } from './value-bounds.ts';
import { checkCombinations } from './value-combinations.ts';
import { checkFormat, checkType } from './value-type.ts';

/** Every violation in `value`; `old` is what it replaces, or undefined. */
export function validateValue(schema: JsonSchema, value: unknown, old: unknown, path = ''): FieldError[] {
  return examine(schema, value, old, path, path === '').errors.slice(0, maxErrors);
}

/** The same for one field of an object, which upstream's texts leave out of the path. */
export function validateField(schema: JsonSchema, field: string, value: unknown, old: unknown): FieldError[] {
  return examine(schema, value, old, '')
    .errors.slice(0, maxErrors)
    .map((error) => ({ ...error, field: error.field === '<nil>' ? field : `${field}.${error.field}` }));
}

/** What is found in one place and below it. */
export function examine(
  schema: JsonSchema,
  value: unknown,
  old: unknown,
  path: string,
  isRoot = false,
): Findings {
  const found = new Findings();
  if (old !== undefined && sameTree(value, old)) return found;
  checkType(schema, value, path, found);
  if (value === null) {
    checkEnum(schema, value, path, found);
    return found;
  }
  checkCombinations(schema, value, path, found, examine);
  found.matches++;
  if (typeof value === 'string') {
    checkText(schema, value, path, found);
    checkFormat(schema, value, path, found);
  } else if (typeof value === 'number' || isBigInteger(value)) checkNumber(schema, value, path, found);
  else if (Array.isArray(value)) checkList(schema, value, old, path, found);
  checkEnum(schema, value, path, found);
  if (isObject(value)) checkObject(schema, value, old, path, found, isRoot);
  return found;
}

function checkEnum(schema: JsonSchema, value: unknown, path: string, found: Findings): void {
  if (schema.enum === undefined || schema.enum.some((known) => isListed(known, value))) return;
  const supported = schema.enum.map((known) =>
    JSON.stringify(typeof known === 'string' ? known : JSON.stringify(known)),
  );
  found.add({
    type: 'NotSupported',
    field: fieldOf(path),
    badValue: value,
    detail: `supported values: ${supported.join(', ')}`,
  });
}

/** As upstream compares: null is never listed, and a number is like an integer without its fraction. */
function isListed(known: unknown, value: unknown): boolean {
  if (value === null) return false;
  if (typeof known === 'number' && typeof value === 'number' && Number.isInteger(known))
    return Math.trunc(value) === known;
  return sameTree(known, value);
}

function checkList(
  schema: JsonSchema,
  value: readonly unknown[],
  old: unknown,
  path: string,
  found: Findings,
): void {
  const items = itemsOf(schema);
  if (items !== undefined) {
    const before = oldItems(schema, old);
    for (const [i, item] of value.entries()) {
      if (found.isFull) return;
      found.merge(examine(items, item, before?.get(itemKey(schema, item)), `${path}[${i}]`));
    }
  }
  const [minItems, maxItems] = [boundOf(schema.minItems), boundOf(schema.maxItems)];
  if (minItems !== undefined && value.length < minItems)
    found.invalid(path, value.length, `should have at least ${minItems} items`);
  if (maxItems !== undefined && value.length > maxItems) found.add(tooMany(path, value.length, maxItems));
  found.matches++;
}

function tooMany(path: string, count: number, max: number): FieldError {
  return {
    type: 'TooMany',
    field: fieldOf(path),
    badValue: count,
    detail: `must have at most ${max} ${max === 1 ? 'item' : 'items'}`,
  };
}

function checkObject(
  schema: JsonSchema,
  value: JsonObject,
  old: unknown,
  path: string,
  found: Findings,
  isRoot: boolean,
): void {
  const { properties = {} } = schema;
  const [minProperties, maxProperties] = [boundOf(schema.minProperties), boundOf(schema.maxProperties)];
  const names = Object.keys(value);
  if (minProperties !== undefined && names.length < minProperties)
    found.invalid(path, names.length, `should have at least ${minProperties} properties`);
  if (maxProperties !== undefined && names.length > maxProperties)
    found.add(tooMany(path, names.length, maxProperties));
  const values = valuesOf(schema);
  for (const name of names) {
    if (found.isFull) return;
    // Metadata is checked by the rules that all kinds share.
    if (isRoot && (name === 'metadata' || name === 'apiVersion' || name === 'kind')) {
      const inner = properties[name];
      if (name === 'metadata' && inner !== undefined) checkMetadata(inner, value[name], found);
      continue;
    }
    const isNamed = Object.hasOwn(properties, name);
    const inner = isNamed ? properties[name] : values;
    if (inner === undefined) continue;
    const before = isObject(old) && Object.hasOwn(old, name) ? old[name] : undefined;
    found.merge(examine(inner, value[name], before, isNamed ? join(path, name) : `${path}.${name}`));
  }
  const needed = isEmbedded(schema) ? [...(schema.required ?? []), 'apiVersion', 'kind'] : schema.required;
  for (const name of new Set(needed))
    if (!Object.hasOwn(value, name))
      found.add({ type: 'Required', field: fieldOf(`${path}.${name}`), detail: '' });
}

/** A schema may restrict an object's name. */
function checkMetadata(schema: JsonSchema, metadata: unknown, found: Findings): void {
  if (!isObject(metadata)) return;
  for (const name of ['name', 'generateName']) {
    const inner = schema.properties?.[name];
    const value = metadata[name];
    if (inner !== undefined && typeof value === 'string')
      found.merge(examine(inner, value, undefined, `metadata.${name}`));
  }
}
