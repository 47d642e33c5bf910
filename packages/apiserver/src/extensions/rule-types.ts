/**
 * Schemas as types of CEL: with names escaped as Kubernetes does, and with the largest sizes that values can have, from
 * the schema's bounds or from what fits into a request.
 */
import { types, type FieldType, type Type } from '@timonier/cel';
import {
  boundOf,
  isEmbedded,
  isIntOrString,
  itemsOf,
  type JsonSchema,
  preservesUnknown,
  valuesOf,
} from './json-schema.ts';

const maxRequestBytes = 3 * 1024 * 1024;
const keywords: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);
const objectMeta: Type = {
  kind: 'object',
  name: 'ObjectMeta',
  fields: new Map([
    ['name', { type: { kind: 'string', max: 253 }, jsonName: 'name' }],
    ['generateName', { type: { kind: 'string', max: 253 }, jsonName: 'generateName' }],
  ]),
};

/** A field's name as expressions write it; undefined for one that they cannot name. */
export function escapeName(name: string): string | undefined {
  if (keywords.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_.\-/][\w.\-/]*$/.test(name)) return undefined;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}

/** The type of a schema, or undefined when expressions can say nothing about its values. */
export function typeOfSchema(schema: JsonSchema, name = 'self', isRoot = false): Type | undefined {
  if (isIntOrString(schema)) return types.dyn;
  switch (schema.type) {
    case 'string':
      return textType(schema);
    case 'integer':
      return types.int;
    case 'number':
      return types.double;
    case 'boolean':
      return types.bool;
    case 'array': {
      const items = itemsOf(schema);
      const element = items === undefined ? undefined : typeOfSchema(items, `${name}.@idx`);
      if (items === undefined || element === undefined) return undefined;
      const max = boundOf(schema.maxItems) ?? Math.floor((maxRequestBytes - 2) / (smallest(items) + 1));
      const listType = schema['x-kubernetes-list-type'];
      const keys = schema['x-kubernetes-list-map-keys'] ?? [];
      if (listType === 'set') return { kind: 'list', element, max, merge: { type: 'set' } };
      return listType === 'map'
        ? { kind: 'list', element, max, merge: { type: 'map', keys } }
        : { kind: 'list', element, max };
    }
    case 'object':
      return objectType(schema, name, isRoot);
    default:
      return preservesUnknown(schema) ? types.dyn : undefined;
  }
}

function textType({ format, maxLength }: JsonSchema): Type {
  if (format === 'date-time' || format === 'date') return types.timestamp;
  if (format === 'duration') return types.duration;
  if (format === 'byte') return { kind: 'bytes', max: boundOf(maxLength) ?? maxRequestBytes - 2 };
  return { kind: 'string', max: boundOf(maxLength) ?? maxRequestBytes - 2 };
}

function objectType(schema: JsonSchema, name: string, isRoot: boolean): Type | undefined {
  const values = valuesOf(schema);
  if (values !== undefined) {
    const value = typeOfSchema(values, `${name}.@elem`);
    if (value === undefined) return undefined;
    const max = boundOf(schema.maxProperties) ?? Math.floor((maxRequestBytes - 2) / (4 + smallest(values)));
    return types.map({ kind: 'string', max: maxRequestBytes - 2 }, value, max);
  }
  if (schema.additionalProperties === true || (preservesUnknown(schema) && schema.properties === undefined))
    return types.map(types.string, types.dyn, maxRequestBytes - 2);
  const fields = new Map<string, FieldType>();
  for (const [jsonName, inner] of Object.entries(schema.properties ?? {})) {
    const escaped = escapeName(jsonName);
    const type = typeOfSchema(inner, `${name}.${jsonName}`);
    if (escaped !== undefined && type !== undefined) fields.set(escaped, { type, jsonName });
  }
  if (isRoot || isEmbedded(schema)) {
    fields.set('apiVersion', { type: { kind: 'string', max: 253 }, jsonName: 'apiVersion' });
    fields.set('kind', { type: { kind: 'string', max: 253 }, jsonName: 'kind' });
    fields.set('metadata', { type: objectMeta, jsonName: 'metadata' });
  }
  return { kind: 'object', name, fields };
}

/** The fewest bytes of JSON that a value of a schema takes. */
function smallest(schema: JsonSchema): number {
  if (isIntOrString(schema) || schema.default !== undefined) return 1;
  switch (schema.type) {
    case 'string':
      return 2 + Math.max(0, boundOf(schema.minLength) ?? 0);
    case 'boolean':
      return 4;
    case 'array':
      return 2;
    case 'object': {
      const needed = new Set(schema.required ?? []);
      let size = 2;
      for (const [name, inner] of Object.entries(schema.properties ?? {}))
        if (needed.has(name) && inner.default === undefined) size += name.length + 4 + smallest(inner);
      return size;
    }
    default:
      return 1;
  }
}

/** The most values of a schema's place that one request can hold, given those of the place around it. */
export function instancesBelow(schema: JsonSchema, around: number): number {
  const items = itemsOf(schema);
  const values = valuesOf(schema);
  const most = Math.floor((maxRequestBytes - 2) / 2);
  if (items !== undefined)
    return Math.min(
      most,
      around * (boundOf(schema.maxItems) ?? Math.floor((maxRequestBytes - 2) / (smallest(items) + 1))),
    );
  if (values !== undefined)
    return Math.min(
      most,
      around * (boundOf(schema.maxProperties) ?? Math.floor((maxRequestBytes - 2) / (4 + smallest(values)))),
    );
  return around;
}
