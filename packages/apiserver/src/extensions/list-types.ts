/**
 * Lists that are sets or maps: what identifies an item, and whether a whole value keeps to it. A separate walk, because
 * upstream says of every list what is doubled, whatever else is wrong with the object.
 */
import type { FieldError } from '@timonier/api';
import { maxErrors } from './findings.ts';
import { isObject, itemsOf, join, type JsonSchema, knowsBelow, propertyOf } from './json-schema.ts';

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

const isKeyed = ({ 'x-kubernetes-list-type': type }: JsonSchema): boolean => type === 'set' || type === 'map';

/** What is doubled in the sets and maps of a value, or can be no item of them; no more than somebody reads. */
export function validateListTypes(schema: JsonSchema, value: unknown): FieldError[] {
  const errors: FieldError[] = [];
  visit(schema, value, '', errors);
  return errors.slice(0, maxErrors);
}

function visit(schema: JsonSchema, value: unknown, path: string, errors: FieldError[]): void {
  if (errors.length >= maxErrors || !knowsBelow(schema, isKeyed)) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    const own =
      schema['x-kubernetes-list-type'] === 'map'
        ? mapItems(schema, value, path)
        : schema['x-kubernetes-list-type'] === 'set'
          ? doubled(value, path)
          : [];
    errors.push(...own);
    if (items === undefined) return;
    for (const [i, item] of value.entries()) visit(items, item, `${path}[${i}]`, errors);
    return;
  }
  if (!isObject(value)) return;
  for (const [name, item] of Object.entries(value)) {
    const inner = propertyOf(schema, name);
    if (inner === undefined) continue;
    const isNamed = schema.properties !== undefined && Object.hasOwn(schema.properties, name);
    visit(inner, item, isNamed ? join(path, name) : `${path}[${name}]`, errors);
  }
}

function mapItems(schema: JsonSchema, value: readonly unknown[], path: string): FieldError[] {
  const misfit = value.findIndex((item) => item !== null && !isObject(item));
  if (misfit >= 0)
    return [
      {
        type: 'Invalid',
        field: `${path}[${misfit}]`,
        badValue: value[misfit],
        detail: 'must be an object for an array of list-type map',
      },
    ];
  const keys = [...(schema['x-kubernetes-list-map-keys'] ?? [])].sort();
  const identities = value.map((item) =>
    isObject(item)
      ? Object.fromEntries(keys.flatMap((key) => (Object.hasOwn(item, key) ? [[key, item[key]]] : [])))
      : item,
  );
  return doubled(identities, path);
}

/** Each value that is there more than once is told once, where it is found again. */
function doubled(values: readonly unknown[], path: string): FieldError[] {
  const counts = new Map<string, number>();
  const errors: FieldError[] = [];
  for (const [i, value] of values.entries()) {
    if (errors.length >= maxErrors) break;
    const key = canonical(value);
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count === 2) errors.push({ type: 'Duplicate', field: `${path}[${i}]`, badValue: value, detail: '' });
  }
  return errors;
}

/** The same text for the same value, in whatever order its fields came. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}
