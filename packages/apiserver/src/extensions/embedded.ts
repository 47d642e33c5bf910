/**
 * Objects inside of objects (`x-kubernetes-embedded-resource`): what they must say of themselves, and their metadata. It
 * need not be whole: a name or a namespace may be missing.
 */
import { type FieldError, messageSchema } from '@timonier/api';
import { DecodeError, normalize } from '@timonier/api/decode';
import { checkDns1035Label } from '@timonier/api/names';
import { validatePartialMetadata } from '@timonier/api/validation/metadata';
import {
  isEmbedded,
  isObject,
  itemsOf,
  join,
  type JsonObject,
  type JsonSchema,
  knowsBelow,
  propertyOf,
} from './json-schema.ts';

/** What is wrong with the objects inside of a value. */
export function validateEmbedded(schema: JsonSchema, value: unknown, path = ''): FieldError[] {
  if (!knowsBelow(schema, isEmbedded)) return [];
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    return items === undefined
      ? []
      : value.flatMap((item, i) => validateEmbedded(items, item, `${path}[${i}]`));
  }
  if (!isObject(value)) return [];
  const own = isEmbedded(schema) && path !== '' ? embedded(value, path) : [];
  return [
    ...own,
    ...Object.entries(value).flatMap(([name, item]) => {
      const inner = propertyOf(schema, name);
      return inner === undefined ? [] : validateEmbedded(inner, item, join(path, name));
    }),
  ];
}

const objectMeta = messageSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');

/**
 * Brings the metadata of objects inside of a value into normal form, in place: without nulls and what says nothing, as
 * upstream. Throws a `DecodeError` when such an object cannot be read as one.
 */
export function readEmbedded(schema: JsonSchema, value: unknown, path = ''): void {
  if (!knowsBelow(schema, isEmbedded)) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    for (const [i, item] of value.entries())
      if (items !== undefined) readEmbedded(items, item, `${path}[${i}]`);
  }
  if (!isObject(value)) return;
  if (isEmbedded(schema) && path !== '') readOne(value, path);
  for (const [name, item] of Object.entries(value)) {
    const inner = propertyOf(schema, name);
    if (inner !== undefined) readEmbedded(inner, item, join(path, name));
  }
}

function readOne(value: JsonObject, path: string): void {
  const refuse = (field: string, why: string): DecodeError =>
    new DecodeError(`${join(path, field)}: Invalid value: ${JSON.stringify(value[field])}: ${why}`);
  for (const field of ['apiVersion', 'kind'])
    if (value[field] !== undefined && typeof value[field] !== 'string')
      throw refuse(field, 'must be a string');
  if (value['metadata'] === undefined || value['metadata'] === null) return;
  try {
    value['metadata'] = normalize(objectMeta, value['metadata']);
  } catch (error) {
    throw error instanceof DecodeError ? refuse('metadata', error.message) : error;
  }
}

const typeRules: Readonly<Record<string, (text: string) => readonly string[]>> = {
  apiVersion: (text) => (text.split('/').length > 2 ? [`unexpected GroupVersion string: ${text}`] : []),
  kind: (text) => {
    const problems = checkDns1035Label(text.toLowerCase());
    return problems.length === 0
      ? []
      : [`may have mixed case, but should otherwise match: ${problems.join(',')}`];
  },
};

function embedded(value: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const add = (field: string, badValue: unknown, detail: string): void =>
    void errors.push({ type: 'Invalid', field: join(path, field), badValue, detail });
  for (const [field, rule] of Object.entries(typeRules)) {
    const given = value[field];
    // That it is missing says the schema.
    if (given === undefined) continue;
    if (typeof given !== 'string') add(field, given, 'must be a string');
    else if (given === '') add(field, given, 'must not be empty');
    else for (const problem of rule(given)) add(field, given, problem);
  }
  const { metadata } = value;
  if (isObject(metadata)) errors.push(...validatePartialMetadata(metadata, join(path, 'metadata')));
  return errors;
}
