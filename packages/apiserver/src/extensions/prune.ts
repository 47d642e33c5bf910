/**
 * Pruning and defaulting by a structural schema. Pruning makes a fresh tree without the fields that the schema does not
 * know, and names them; defaulting fills in, in place. Source: "Extend the Kubernetes API with CustomResourceDefinitions".
 */
import { messageSchema } from '@timonier/api';
import { setOwn } from '@timonier/api/json';
import { copyOf } from '../storage/copy.ts';
import {
  isEmbedded,
  isObject,
  itemsOf,
  join,
  type JsonObject,
  type JsonSchema,
  knowsBelow,
  preservesUnknown,
  valuesOf,
} from './json-schema.ts';

const typeFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** A copy of `value` with only what the schema knows; `problems` gets the paths of what was dropped. */
export function pruned(schema: JsonSchema, value: unknown, path: string, problems: string[]): unknown {
  return prune(schema, value, path, problems, isEmbedded(schema));
}

/** The same for a whole object, whose `apiVersion`, `kind` and `metadata` every schema knows. */
export function prunedObject(schema: JsonSchema, value: JsonObject, problems: string[]): JsonObject {
  return prune(schema, value, '', problems, true) as JsonObject;
}

function prune(
  schema: JsonSchema,
  value: unknown,
  path: string,
  problems: string[],
  isResource: boolean,
  isKept = false,
): unknown {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items === undefined) return copyOf(value);
    // A list that keeps what nobody knows has no fields: its items do.
    const keeps = isKept || preservesUnknown(schema);
    return value.map((item, i) => prune(items, item, `${path}[${i}]`, problems, isEmbedded(items), keeps));
  }
  if (!isObject(value)) return value;
  const { properties = {}, additionalProperties } = schema;
  const values = valuesOf(schema);
  const keepsAll = isKept || preservesUnknown(schema) || additionalProperties === true;
  const out: JsonObject = {};
  for (const [name, item] of Object.entries(value)) {
    const place = join(path, name);
    const known = Object.hasOwn(properties, name) ? properties[name] : values;
    const isInnerMetadata = isResource && path !== '' && name === 'metadata';
    if (isInnerMetadata) setOwn(out, name, knownMetadata(item, place, problems));
    else if (isResource && typeFields.has(name)) setOwn(out, name, copyOf(item));
    else if (known !== undefined) setOwn(out, name, pruned(known, item, place, problems));
    else if (keepsAll) setOwn(out, name, copyOf(item));
    else problems.push(`unknown field "${place}"`);
  }
  return out;
}

/**
 * The metadata of an object inside another; the outer one's is checked with the whole object. What cannot be metadata
 * stays as it is: see `validateEmbedded`.
 */
function knownMetadata(metadata: unknown, path: string, problems: string[]): unknown {
  if (!isObject(metadata)) return metadata;
  const { fields } = messageSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
  const out: JsonObject = {};
  for (const [name, item] of Object.entries(metadata)) {
    if (fields.has(name)) setOwn(out, name, copyOf(item));
    else problems.push(`unknown field "${join(path, name)}"`);
  }
  return out;
}

const namesDefault = (schema: JsonSchema): boolean => schema.default !== undefined;

/** Whether a schema, or one below it, names a default. */
export function carriesDefault(schema: JsonSchema): boolean {
  return knowsBelow(schema, namesDefault);
}

/** Fills in defaults, and takes out nulls where null is no value, unless `keepsNulls`. */
export function fillDefaults(schema: JsonSchema, value: unknown, keepsNulls = false): void {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (items === undefined) return;
    for (const [i, item] of value.entries()) {
      if (item === null && items.nullable !== true && items.default !== undefined)
        value[i] = copyOf(items.default);
      fillDefaults(items, value[i], keepsNulls);
    }
    return;
  }
  if (!isObject(value)) return;
  const { properties = {} } = schema;
  const values = valuesOf(schema);
  for (const [name, inner] of Object.entries(properties)) {
    if (inner.default === undefined) continue;
    const isNull = Object.hasOwn(value, name) && value[name] === null && inner.nullable !== true;
    if (!Object.hasOwn(value, name) || isNull) setOwn(value, name, copyOf(inner.default));
  }
  for (const [name, item] of Object.entries(value)) {
    const inner = Object.hasOwn(properties, name) ? properties[name] : values;
    if (inner === undefined) continue;
    if (item === null && inner.nullable !== true) {
      if (inner.default !== undefined) setOwn(value, name, copyOf(inner.default));
      else if (!keepsNulls) delete value[name];
    }
    fillDefaults(inner, value[name], keepsNulls);
  }
}
