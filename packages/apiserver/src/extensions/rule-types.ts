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
/** Of a text without a bound; its quotation marks take room, too. */
const longestText = maxRequestBytes - 2;
/** The longest durations, dates and times in JSON. */
const timeLengths: Readonly<Record<string, number>> = { duration: 32, date: 12, 'date-time': 32 };
const keywords: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);
const longestName = 253;

/** Of metadata expressions see the name, and what a generated one begins with, for which a letter is left at least. */
function metadataType(schema: JsonSchema): Type {
  const name = (field: string, most: number): FieldType => {
    const own = bound(schema.properties?.['metadata']?.properties?.[field]?.maxLength);
    return { type: { kind: 'string', max: 4 * Math.min(most, own ?? most) }, jsonName: field };
  };
  return {
    kind: 'object',
    name: 'ObjectMeta',
    fields: new Map([
      ['name', name('name', longestName)],
      ['generateName', name('generateName', longestName - 1)],
    ]),
  };
}

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
  if (isIntOrString(schema)) return { kind: 'dyn', max: textLength(schema) };
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
      const max = bound(schema.maxItems) ?? Math.floor((maxRequestBytes - 2) / (smallest(items) + 1));
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

function textType(schema: JsonSchema): Type {
  const { format = '', maxLength } = schema;
  const max = timeLengths[format];
  if (max !== undefined) return { kind: format === 'duration' ? 'duration' : 'timestamp', max };
  if (format === 'byte') return { kind: 'bytes', max: bound(maxLength) ?? longestText };
  return { kind: 'string', max: textLength(schema) };
}

/** A bound counts characters, which take up to four bytes each; an enumeration has a longest value. */
function textLength(schema: JsonSchema): number {
  const max = bound(schema.maxLength);
  if (max !== undefined) return max * 4;
  if (isIntOrString(schema) || (schema.enum ?? []).length === 0) return longestText;
  const lengths = (schema.enum ?? []).map((value) =>
    typeof value === 'string' ? Buffer.byteLength(value) : 0,
  );
  return Math.max(...lengths);
}

function bound(given: number | undefined): number | undefined {
  const found = boundOf(given);
  return found === undefined ? undefined : Math.max(0, found);
}

function objectType(schema: JsonSchema, name: string, isRoot: boolean): Type | undefined {
  const values = valuesOf(schema);
  if (values !== undefined) {
    const value = typeOfSchema(values, `${name}.@elem`);
    if (value === undefined) return undefined;
    const max = bound(schema.maxProperties) ?? Math.floor((maxRequestBytes - 2) / (smallest(values) + 6));
    // Upstream knows nothing of how long keys are, and takes them for nothing.
    return types.map(types.string, value, max);
  }
  const fields = new Map<string, FieldType>();
  for (const [jsonName, inner] of Object.entries(schema.properties ?? {})) {
    const escaped = escapeName(jsonName);
    const type = typeOfSchema(inner, `${name}.${jsonName}`);
    if (escaped !== undefined && type !== undefined) fields.set(escaped, { type, jsonName });
  }
  if (isRoot || isEmbedded(schema)) {
    fields.set('apiVersion', { type: { kind: 'string', max: longestText }, jsonName: 'apiVersion' });
    fields.set('kind', { type: { kind: 'string', max: longestText }, jsonName: 'kind' });
    fields.set('metadata', { type: metadataType(schema), jsonName: 'metadata' });
  }
  return { kind: 'object', name, fields };
}

/** The fewest bytes of JSON that a value of a schema takes, as upstream counts them. */
function smallest(schema: JsonSchema): number {
  if (isIntOrString(schema)) return 1;
  switch (schema.type) {
    case 'string':
      return shortestTexts[schema.format ?? ''] ?? 2;
    case 'boolean':
      return 4;
    case 'array':
      return 2;
    case 'object': {
      if (valuesOf(schema) !== undefined) return 2;
      const needed = new Set(schema.required ?? []);
      let size = 2;
      for (const [name, inner] of Object.entries(schema.properties ?? {}))
        if (needed.has(name) && inner.default === undefined)
          size += Buffer.byteLength(name) + 4 + smallest(inner);
      return size;
    }
    default:
      return 1;
  }
}

const shortestTexts: Readonly<Record<string, number>> = { duration: 3, date: 12, 'date-time': 21 };

/** How often a place can be in one object when bounds say it: for each item or value of what holds it. */
export function instancesBelow(schema: JsonSchema, around: number | undefined): number | undefined {
  if (around === undefined) return undefined;
  const own =
    schema.type === 'array'
      ? bound(schema.maxItems)
      : schema.additionalProperties === undefined
        ? 1
        : bound(schema.maxProperties);
  return own === undefined ? undefined : around * own;
}

/** How often a value of a schema fits into a request at most, for places that no bound limits. */
export function mostInstances(schema: JsonSchema): number {
  return Math.floor(maxRequestBytes / (smallest(schema) + 1));
}
