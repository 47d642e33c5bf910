/**
 * What an applied configuration says beyond its kind's schema: values of other types, fields that are not there, and
 * items of a list that are one by their keys. Ownership could not be told of either, so that it is asked before anything
 * is decoded. Upstream answers the same texts as failures of the server.
 */
import { type ResourceInfo, type Schema } from '@timonier/api';
import { NotDecodable } from '@timonier/api/decode';
import { isBigInteger } from '@timonier/api/json';
import { goSyntax, goTypeOf, shownAsMap } from '@timonier/api/patch/map-text';
import { bad } from '../pipeline/query.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Throws 400. Custom kinds know themselves what their schema says. */
export function checkAppliedType(info: ResourceInfo, config: Fields): void {
  const problems = appliedProblems(info, config);
  if (problems.length === 0) return;
  throw bad(`failed to create typed patch object (${whatIs(info, config)}): ${listed(problems)}`);
}

/** Where a configuration is not of its kind's types. */
export function appliedProblems(
  info: Pick<ResourceInfo, 'schema' | 'custom'>,
  config: Fields,
): readonly string[] {
  return info.custom?.appliedProblems(config) ?? problemsOf(config, info.schema, '');
}

export function listed(problems: readonly string[]): string {
  return problems.length === 1 ? (problems[0] ?? '') : ['errors:', ...problems].join('\n  ');
}

/** Runs the decoding of a configuration; throws 400 as what could not be converted. */
export function converted<T>(info: ResourceInfo, config: unknown, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof NotDecodable) || info.custom !== undefined) throw error;
    const why = error.why.replace(/ into Go struct field \S+ of type /, ' into Go value of type ');
    throw bad(
      `failed to convert new object (${whatIs(info, config)}) to proper version: unable to convert unstructured object to ${typeOf(info)}: ${why}`,
    );
  }
}

function typeOf({ group, version, kind }: ResourceInfo): string {
  return `${group}/${version}, Kind=${kind}`;
}

/** As upstream calls the object, by what it says of itself. */
function whatIs(info: ResourceInfo, config: unknown): string {
  const { metadata } = config as { readonly metadata?: Fields | null };
  const part = (name: string): string => {
    const value = typeof metadata === 'object' ? metadata?.[name] : undefined;
    return typeof value === 'string' ? value : '';
  };
  return `${part('namespace')}/${part('name')}; ${typeOf(info)}`;
}

function problemsOf(value: unknown, schema: Schema, path: string): string[] {
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
    if (field !== undefined) return problemsOf(item, field, `${path}.${name}`);
    return isKind ? [] : [`${path}.${name}: field not declared in schema`];
  });
}

function listProblems(list: readonly unknown[], schema: Schema, path: string): string[] {
  const { items } = schema;
  if (items === undefined) return [];
  const seen = new Set<string>();
  return list.flatMap((item, i) => {
    if (schema.listType === 'map' && !isFields(item))
      return [`${path}: element ${i}: associative list with keys may not have non-map elements`];
    const element = elementOf(item, schema);
    if (element === undefined) return problemsOf(item, items, `${path}[${i}]`);
    const isDoubled = seen.has(element);
    seen.add(element);
    return [
      ...(isDoubled ? [`${path}: duplicate entries for key ${element}`] : []),
      ...problemsOf(item, items, `${path}${element}`),
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
