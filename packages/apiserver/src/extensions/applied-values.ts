/**
 * Whether an applied configuration is of the shape that its definition's schema gives it: what is owned must have a
 * name. Only types, unknown fields and doubled items are looked at, and nulls are anything. The texts are upstream's,
 * which shows values as its own language does.
 */
import { isBigInteger } from '@timonier/api/json';
import { messageSchema } from '@timonier/api';
import { shownAsMap } from '@timonier/api/patch/map-text';
import { typeProblems } from '@timonier/api/patch/type-problems';
import { maxErrors } from './findings.ts';
import {
  isEmbedded,
  isIntOrString,
  isObject,
  itemsOf,
  type JsonSchema,
  preservesUnknown,
  valuesOf,
} from './json-schema.ts';

const typeFields: ReadonlySet<string> = new Set(['apiVersion', 'kind']);
const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/** In the order of their texts; no more than somebody reads. */
export function appliedProblems(schema: JsonSchema, object: unknown): string[] {
  return problemsOf(schema, object, '', true).sort().slice(0, maxErrors);
}

function problemsOf(
  schema: JsonSchema,
  value: unknown,
  path: string,
  isResource = isEmbedded(schema),
): string[] {
  if (value === null || value === undefined) return [];
  const { type } = schema;
  if (type === 'array') {
    if (!Array.isArray(value)) return [`${path}: expected list, got &{${shownAsMap(value)}}`];
    return listProblems(schema, value, path);
  }
  if (type === 'object') {
    if (!isObject(value)) return [`${path}: expected map, got &{${shownAsMap(value)}}`];
    return fieldProblems(schema, value, path, isResource);
  }
  if (isIntOrString(schema) || type === undefined || type === '') return [];
  return scalarFits(type, value)
    ? []
    : [
        `${path}: expected ${scalarNames[type] ?? type}, got &value.valueUnstructured{Value:${shownScalar(value)}}`,
      ];
}

const scalarNames: Readonly<Record<string, string>> = {
  string: 'string',
  boolean: 'boolean',
  integer: 'numeric (int or float)',
  number: 'numeric (int or float)',
};

function scalarFits(type: string, value: unknown): boolean {
  if (type === 'integer' || type === 'number') return typeof value === 'number' || isBigInteger(value);
  return typeof value === type;
}

function shownScalar(value: unknown): string {
  if (isObject(value) || Array.isArray(value)) return shownAsMap(value);
  return JSON.stringify(value) ?? '';
}

function fieldProblems(
  schema: JsonSchema,
  value: Readonly<Record<string, unknown>>,
  path: string,
  isResource: boolean,
): string[] {
  const { properties = {}, additionalProperties } = schema;
  const values = valuesOf(schema);
  const isOpen = preservesUnknown(schema) || additionalProperties === true;
  return Object.entries(value).flatMap(([name, item]) => {
    if (isResource && name === 'metadata')
      return typeProblems(item, messageSchema(objectMeta), `${path}.metadata`);
    if (isResource && typeFields.has(name)) return [];
    const inner = Object.hasOwn(properties, name) ? properties[name] : values;
    if (inner !== undefined) return problemsOf(inner, item, `${path}.${name}`);
    return isOpen ? [] : [`${path}.${name}: field not declared in schema`];
  });
}

function listProblems(schema: JsonSchema, value: readonly unknown[], path: string): string[] {
  const items = itemsOf(schema);
  const seen = new Set<string>();
  return value.flatMap((item, i) => {
    const element = elementOf(schema, item);
    const isDoubled = element !== undefined && seen.has(element);
    if (element !== undefined) seen.add(element);
    return [
      ...(isDoubled ? [`${path}: duplicate entries for key ${element}`] : []),
      ...(items === undefined ? [] : problemsOf(items, item, `${path}${element ?? `[${i}]`}`)),
    ];
  });
}

/** What an item is called by: `[name="one"]` in a map, `[="one"]` in a set; undefined where its place tells it. */
function elementOf(schema: JsonSchema, item: unknown): string | undefined {
  const listType = schema['x-kubernetes-list-type'];
  if (listType === 'set') return `[=${JSON.stringify(item)}]`;
  if (listType !== 'map' || !isObject(item)) return undefined;
  const properties = itemsOf(schema)?.properties ?? {};
  const keys = (schema['x-kubernetes-list-map-keys'] ?? []).map((key) => {
    const value = item[key] ?? properties[key]?.default;
    return value === undefined ? undefined : `${key}=${JSON.stringify(value)}`;
  });
  return keys.includes(undefined) ? undefined : `[${keys.join(',')}]`;
}
