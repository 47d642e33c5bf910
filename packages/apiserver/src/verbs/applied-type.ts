/**
 * What an applied configuration says beyond its kind's schema: fields that are not there, and items of a list that are
 * one by their keys. Ownership could not be told of either. Upstream answers the same texts as failures of the server.
 */
import { apiVersionOf, type ResourceInfo, type Schema } from '@timonier/api';
import { bad } from '../pipeline/query.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Throws 400. Custom kinds know themselves what their schema says. */
export function checkAppliedType(info: ResourceInfo, config: Fields, namespace: string, name: string): void {
  const problems = info.custom?.appliedProblems(config) ?? problemsOf(config, info.schema, '');
  if (problems.length === 0) return;
  const what = `${info.namespaced ? namespace : ''}/${name}; ${apiVersionOf(info)}, Kind=${info.kind}`;
  const text = problems.length === 1 ? (problems[0] ?? '') : ['errors:', ...problems].join('\n  ');
  throw bad(`failed to create typed patch object (${what}): ${text}`);
}

function problemsOf(value: unknown, schema: Schema, path: string): string[] {
  if (schema.kind === 'list' && Array.isArray(value) && schema.items !== undefined) {
    const { items } = schema;
    return [
      ...repeated(value, schema, path),
      ...value.flatMap((item, i) => problemsOf(item, items, `${path}${elementOf(item, schema) ?? `[${i}]`}`)),
    ];
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  if (schema.kind === 'map' && schema.values !== undefined) {
    const { values } = schema;
    return Object.entries(value).flatMap(([key, item]) => problemsOf(item, values, `${path}.${key}`));
  }
  if (schema.kind !== 'object') return [];
  return Object.entries(value).flatMap(([name, item]) => {
    const field = schema.field(name);
    const isKind = schema.typeMeta && (name === 'apiVersion' || name === 'kind');
    if (field !== undefined) return problemsOf(item, field, `${path}.${name}`);
    return isKind ? [] : [`${path}.${name}: field not declared in schema`];
  });
}

function repeated(list: readonly unknown[], schema: Schema, path: string): string[] {
  const seen = new Set<string>();
  return list.flatMap((item) => {
    const element = elementOf(item, schema);
    if (element === undefined) return [];
    if (seen.has(element)) return [`${path}: duplicate entries for key ${element}`];
    seen.add(element);
    return [];
  });
}

/** Of a list whose items have keys: `[name="one"]`. */
function elementOf(item: unknown, { listType, listMapKeys, items }: Schema): string | undefined {
  if (listType !== 'map' || typeof item !== 'object' || item === null) return undefined;
  const keys = listMapKeys.map((key) => {
    const value = (item as Fields)[key] ?? items?.field(key)?.default;
    return value === undefined ? undefined : `${key}=${JSON.stringify(value)}`;
  });
  return keys.includes(undefined) ? undefined : `[${keys.join(',')}]`;
}
