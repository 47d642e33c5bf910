/**
 * One object that a conversion webhook made of another, held against it: a webhook may change everything but what an
 * object is, and of its metadata only labels and annotations. Pure; the texts are upstream's.
 */
import type { ApiObject } from '@timonier/api/decode';
import { formatFieldError } from '@timonier/api/validation/field-error';
import { validateTemplateMetadata } from '@timonier/api/validation/metadata';
import { isObject } from './json-schema.ts';

export type Found =
  | { readonly object: ApiObject }
  /** Of what cannot even be read upstream does not say whose fault it is. */
  | { readonly problem: string; readonly isUnreadable?: boolean };

export function convertedObject(from: ApiObject, converted: unknown, apiVersion: string): Found {
  if (!isObject(converted)) return { problem: unreadable(converted), isUnreadable: true };
  const kind = textOf(converted['kind']);
  if (kind === '')
    return { problem: `Object 'Kind' is missing in '${JSON.stringify(converted)}'`, isUnreadable: true };
  const given = textOf(converted['apiVersion']);
  if (given !== apiVersion)
    return wrong(`object at index 0: invalid groupVersion (expected ${apiVersion}, received ${given})`);
  if (kind !== from.kind)
    return wrong(`object at index 0: invalid kind (expected ${from.kind}, received ${kind})`);
  const before = from.metadata ?? {};
  const after = isObject(converted['metadata']) ? converted['metadata'] : {};
  for (const [field, name] of identity) {
    const [was, is] = [before[field] ?? '', textOf(after[field])];
    if (was !== is) return wrong(`object: must have the same ${name}: ${was} != ${is}`);
  }
  const { labels, annotations, ...kept } = before;
  const metadata: Record<string, unknown> = kept;
  for (const [field, was] of Object.entries({ labels, annotations })) {
    const problem = checkTexts(field, after[field], was);
    if (problem !== undefined) return wrong(`metadata: ${problem}`);
    if (isObject(after[field])) metadata[field] = after[field];
  }
  return { object: { ...converted, metadata } };
}

const identity = [
  ['name', 'name'],
  ['namespace', 'namespace'],
  ['uid', 'UID'],
] as const;

function wrong(what: string): Found {
  return { problem: `invalid ${what}` };
}

function unreadable(value: unknown): string {
  if (value === null || value === undefined) return 'unexpected end of JSON input';
  const name = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return `json: cannot unmarshal ${name} into Go value of type map[string]interface {}`;
}

/** What is wrong with labels or annotations that were changed. */
function checkTexts(
  field: string,
  after: unknown,
  before: Readonly<Record<string, string>> = {},
): string | undefined {
  if (after === undefined || after === null) return undefined;
  if (!isObject(after)) return `invalid metadata.${field} of type ${goType(after)} in converted object`;
  for (const [key, value] of Object.entries(after))
    if (typeof value !== 'string')
      return `metadata.${field}[${key}] must be a string, but is ${goType(value)} in converted object`;
  const isSame =
    Object.keys(after).length === Object.keys(before).length &&
    Object.entries(after).every(([key, value]) => before[key] === value);
  if (isSame) return undefined;
  const errors = validateTemplateMetadata({ [field]: after }, 'metadata').map((error) =>
    // Upstream leaves out a letter here.
    formatFieldError({
      ...error,
      field: error.field.replace(/^metadata\.annotations/, 'metadata.annotation'),
    }),
  );
  if (errors.length === 0) return undefined;
  return errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`;
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (value === null) return '<nil>';
  switch (typeof value) {
    case 'object':
      return 'map[string]interface {}';
    case 'number':
      return Number.isInteger(value) ? 'int64' : 'float64';
    case 'boolean':
      return 'bool';
    default:
      return typeof value;
  }
}

/** What is no text says nothing. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
