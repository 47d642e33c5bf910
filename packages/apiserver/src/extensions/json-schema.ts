/**
 * The OpenAPI v3 schema of a custom resource, as far as it is structural, and small questions about a place in it.
 * Everything here is pure and works on the schema as it stands in the definition.
 */
import type { JSONSchemaProps } from '@timonier/api';
import { isBigInteger } from '@timonier/api/json';

export type JsonSchema = JSONSchemaProps;
export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isBigInteger(value);
}

/** The schema of a list's items; a list of schemas is not structural and was refused. */
export function itemsOf(schema: JsonSchema): JsonSchema | undefined {
  return Array.isArray(schema.items) ? schema.items[0] : schema.items;
}

/** The schema of a map's values. */
export function valuesOf(schema: JsonSchema): JsonSchema | undefined {
  return isObject(schema.additionalProperties) ? schema.additionalProperties : undefined;
}

export function propertyOf(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  const properties = schema?.properties;
  if (properties !== undefined && Object.hasOwn(properties, name)) return properties[name];
  return schema === undefined ? undefined : valuesOf(schema);
}

export function preservesUnknown(schema: JsonSchema): boolean {
  return schema['x-kubernetes-preserve-unknown-fields'] === true;
}

export function isEmbedded(schema: JsonSchema): boolean {
  return schema['x-kubernetes-embedded-resource'] === true;
}

export function isIntOrString(schema: JsonSchema): boolean {
  return schema['x-kubernetes-int-or-string'] === true;
}

/** A bound of a schema, for comparing: an integer beyond 2^53 is a stand-in that is no number, and is rounded to one. */
export function boundOf(bound: number | undefined): number | undefined {
  const given: unknown = bound;
  return isBigInteger(given) ? Number(given.rawJSON) : bound;
}

/** `a.b`, or `b` at the root. */
export function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** Calls `visit` for a schema and every structural schema below it, with its path in the definition. */
export function walkSchema(
  schema: JsonSchema,
  path: string,
  visit: (schema: JsonSchema, path: string) => void,
): void {
  visit(schema, path);
  for (const [name, inner] of Object.entries(schema.properties ?? {}))
    walkSchema(inner, `${path}.properties[${name}]`, visit);
  const values = valuesOf(schema);
  if (values !== undefined) walkSchema(values, `${path}.additionalProperties`, visit);
  const items = itemsOf(schema);
  if (items !== undefined) walkSchema(items, `${path}.items`, visit);
}

type Test = (schema: JsonSchema) => boolean;
const knownBelow = new WeakMap<Test, WeakMap<JsonSchema, boolean>>();

/** Whether a structural schema, or one below it, passes a test; remembered for tests that are constants. */
export function knowsBelow(schema: JsonSchema, test: Test): boolean {
  let known = knownBelow.get(test);
  if (known === undefined) knownBelow.set(test, (known = new WeakMap()));
  let answer = known.get(schema);
  if (answer === undefined) {
    const below = [...Object.values(schema.properties ?? {}), valuesOf(schema), itemsOf(schema)];
    answer = test(schema) || below.some((inner) => isObject(inner) && knowsBelow(inner, test));
    known.set(schema, answer);
  }
  return answer;
}

/** All schemas right inside of one, also those of combinations. */
export function schemasIn(schema: JsonSchema): readonly JsonSchema[] {
  const { properties = {}, items = [], allOf = [], anyOf = [], oneOf = [], not } = schema;
  const { additionalProperties } = schema;
  return [
    ...Object.values(properties),
    ...(Array.isArray(items) ? items : [items]),
    ...allOf,
    ...anyOf,
    ...oneOf,
    ...(not === undefined ? [] : [not]),
    ...(typeof additionalProperties === 'object' ? [additionalProperties] : []),
  ];
}
