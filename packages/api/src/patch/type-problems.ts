/**
 * Where a value is not of its schema's types: values of other types, fields that are not there, and items of a list that
 * are one by their keys. The texts are upstream's.
 */
import { isBigInteger } from '../json.ts';
import type { Schema } from '../schema.ts';
import { goSyntax, goTypeOf, shownAsMap } from './map-text.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A text for each place, which begins with the path of it below `path`. */
export function typeProblems(value: unknown, schema: Schema, path: string): string[] {
  if (value === null || value === undefined) return [];
  switch (schema.kind) {
    case 'list':
      return Array.isArray(value)
        ? listProblems(value, schema, path)
        : [`${path}: expected list, got &{${shownAsMap(value)}}`];
    case 'map':
    case 'object':
      return isFields(value)
        ? fieldProblems(value, schema, path)
        : [`${path}: expected map, got &{${shownAsMap(value)}}`];
    case 'scalar':
      return scalarProblems(value, schema, path);
    default:
      return [];
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isBigInteger(value);
}

/** Of what has a text form of its own, such as times and quantities, any value will do here. */
function scalarProblems(value: unknown, { scalar }: Schema, path: string): string[] {
  switch (scalar) {
    case 'string':
    case 'bytes':
      return typeof value === 'string'
        ? []
        : [`${path}: expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`];
    case 'bool':
      return typeof value === 'boolean' ? [] : [`${path}: expected boolean, got &{${shownAsMap(value)}}`];
    case 'int32':
    case 'int64':
    case 'double':
      return typeof value === 'number' || isBigInteger(value)
        ? []
        : [`${path}: expected numeric (int or float), got ${goTypeOf(value)}`];
    default:
      return [];
  }
}

function fieldProblems(value: Fields, schema: Schema, path: string): string[] {
  const { values } = schema;
  return Object.entries(value).flatMap(([name, item]) => {
    const field = values ?? schema.field(name);
    const isKind = schema.typeMeta && (name === 'apiVersion' || name === 'kind');
    if (field !== undefined) return typeProblems(item, field, `${path}.${name}`);
    return isKind ? [] : [`${path}.${name}: field not declared in schema`];
  });
}

function listProblems(list: readonly unknown[], schema: Schema, path: string): string[] {
  const { items } = schema;
  if (items === undefined) return [];
  const seen = new Set<string>();
  return list.flatMap((item, i) => {
    if (schema.listType === 'map' && !isFields(item)) {
      const what = item === null ? 'a null element' : 'non-map elements';
      return [`${path}: element ${i}: associative list with keys may not have ${what}`];
    }
    const element = elementOf(item, schema);
    if (element === undefined) return typeProblems(item, items, `${path}[${i}]`);
    const isDoubled = seen.has(element);
    seen.add(element);
    return [
      ...(isDoubled ? [`${path}: duplicate entries for key ${element}`] : []),
      ...typeProblems(item, items, `${path}${element}`),
    ];
  });
}

/** What an item is called by: `[name="one"]` in a map, `[="one"]` in a set; undefined where its place tells it. */
function elementOf(item: unknown, { listType, listMapKeys, items }: Schema): string | undefined {
  if (listType === 'set') return `[=${JSON.stringify(item)}]`;
  if (listType !== 'map' || !isFields(item)) return undefined;
  const keys = listMapKeys.map((key) => {
    const value = item[key] ?? items?.field(key)?.default;
    return value === undefined ? undefined : `${key}=${JSON.stringify(value)}`;
  });
  return keys.includes(undefined) ? undefined : `[${keys.join(',')}]`;
}
