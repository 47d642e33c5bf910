/**
 * Whether a schema is structural: every value has a type and its place, and combinations only restrict what is specified
 * outside of them. Source: "Specifying a structural schema" of the Kubernetes documentation. What is found is told in
 * the order of its texts, as upstream does.
 */
import { type FieldError, fieldErrors, formatFieldError } from '@timonier/api';
import { sameTree } from '../storage/copy.ts';
import {
  isEmbedded,
  isIntOrString,
  itemsOf,
  type JsonSchema,
  preservesUnknown,
  valuesOf,
} from './json-schema.ts';
import { patternProblem } from './patterns.ts';

const { forbidden, invalid, required } = fieldErrors;

type Level = 'root' | 'item' | 'field';

export function validateStructure(schema: JsonSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  place(schema, 'root', path, errors);
  complete(schema, schema, path, path, errors);
  return errors
    .map((error) => [formatFieldError(error), error] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, error]) => error);
}

/** `path` and the name of a property below it. */
const property = (path: string, name: string): string => `${path}.properties[${name}]`;

function place(schema: JsonSchema, level: Level, path: string, errors: FieldError[]): void {
  const { type = '', properties = {} } = schema;
  const items = itemsOf(schema);
  if (type === 'array' && items === undefined) errors.push(required(`${path}.items`, 'must be specified'));
  if (items !== undefined) place(items, 'item', `${path}.items`, errors);
  for (const [name, inner] of Object.entries(properties)) place(inner, 'field', property(path, name), errors);
  const values = valuesOf(schema);
  const hasAdditional = schema.additionalProperties !== undefined;
  if (hasAdditional && level === 'root')
    errors.push(forbidden(`${path}.additionalProperties`, 'must not be used at the root'));
  if (values !== undefined) place(values, 'field', `${path}.additionalProperties`, errors);
  if (isIntOrString(schema)) intOrString(schema, path, errors);
  restrictions(schema, path, errors, skippedTypes(schema));
  types(schema, level, path, errors);
  if (isEmbedded(schema) && hasAdditional)
    errors.push(
      forbidden(`${path}.additionalProperties`, 'must not be used if x-kubernetes-embedded-resource is set'),
    );
  if (level === 'root' || isEmbedded(schema)) typeFields(schema, level, path, errors);
  if (isEmbedded(schema) && !preservesUnknown(schema) && Object.keys(properties).length === 0)
    errors.push(
      required(
        `${path}.properties`,
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      ),
    );
}

function intOrString(schema: JsonSchema, path: string, errors: FieldError[]): void {
  for (const mark of ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const)
    if (schema[mark] === true)
      errors.push(invalid(`${path}.${mark}`, true, 'must be false if x-kubernetes-int-or-string is true'));
}

const missingType: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function types(schema: JsonSchema, level: Level, path: string, errors: FieldError[]): void {
  const { type = '' } = schema;
  const field = `${path}.type`;
  if (isEmbedded(schema) && type !== 'object') {
    const detail = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(type === '' ? required(field, detail) : invalid(field, type, detail));
  } else if (type === '' && !isIntOrString(schema) && !preservesUnknown(schema))
    errors.push(required(field, missingType[level]));
  if (level === 'root' && type !== '' && type !== 'object')
    errors.push(invalid(field, type, 'must be object at the root'));
}

/** A definition may say nothing new of what every object has, but restrict its name. */
function typeFields({ properties = {} }: JsonSchema, level: Level, path: string, errors: FieldError[]): void {
  for (const [name, type] of Object.entries({ kind: 'string', apiVersion: 'string', metadata: 'object' })) {
    const inner = properties[name];
    if (inner !== undefined && inner.type !== type)
      errors.push(invalid(`${property(path, name)}.type`, inner.type ?? '', `must be ${type}`));
  }
  const { metadata } = properties;
  if (metadata === undefined || level !== 'root') return;
  const { type: _type, default: _default, properties: known = {}, ...rest } = metadata;
  const isRestriction =
    Object.keys(known).every((name) => name === 'name' || name === 'generateName') && sameTree(rest, {});
  if (!isRestriction)
    errors.push(
      forbidden(
        property(path, 'metadata'),
        'must not specify anything other than name and generateName, but metadata is implicitly specified',
      ),
    );
}

/** Where types may stand in combinations: only to say that something is an integer or a string. */
interface Skipped {
  readonly anyOf: boolean;
  readonly firstAllOf: boolean;
}

const nothingSkipped: Skipped = { anyOf: false, firstAllOf: false };
const integerOrString = [{ type: 'integer' }, { type: 'string' }];

function skippedTypes(schema: JsonSchema): Skipped {
  if (!isIntOrString(schema)) return nothingSkipped;
  return {
    anyOf: sameTree(schema.anyOf, integerOrString),
    firstAllOf: sameTree(schema.allOf?.[0], { anyOf: integerOrString }),
  };
}

/** The schemas of combinations, each with its path. */
function combined(schema: JsonSchema, path: string): (readonly [JsonSchema, string])[] {
  const { anyOf = [], allOf = [], oneOf = [], not } = schema;
  const lists = { anyOf, allOf, oneOf };
  return [
    ...Object.entries(lists).flatMap(([name, list]) =>
      list.map((inner, i) => [inner, `${path}.${name}[${i}]`] as const),
    ),
    ...(not === undefined ? [] : [[not, `${path}.not`] as const]),
  ];
}

function restrictions(schema: JsonSchema, path: string, errors: FieldError[], skipped: Skipped): void {
  for (const [inner, at] of combined(schema, path)) {
    if (skipped.anyOf && at.startsWith(`${path}.anyOf[`)) continue;
    const isFirst = skipped.firstAllOf && at === `${path}.allOf[0]`;
    restriction(inner, at, errors, isFirst ? { anyOf: true, firstAllOf: false } : nothingSkipped);
  }
  const { pattern } = schema;
  const problem = pattern ? patternProblem(pattern) : undefined;
  if (problem !== undefined)
    errors.push(
      invalid(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${problem}`),
    );
}

/** What only a place may say, not a schema inside of a combination, and what it must be there. */
const structural = {
  type: 'empty',
  title: 'empty',
  description: 'empty',
  additionalProperties: 'undefined',
  default: 'undefined',
  nullable: 'false',
  'x-kubernetes-preserve-unknown-fields': 'false',
  'x-kubernetes-embedded-resource': 'false',
  'x-kubernetes-int-or-string': 'false',
  'x-kubernetes-list-map-keys': 'empty',
  'x-kubernetes-list-type': 'undefined',
  'x-kubernetes-map-type': 'undefined',
  'x-kubernetes-validations': 'empty',
} as const satisfies Partial<Record<keyof JsonSchema, string>>;

function restriction(schema: JsonSchema, path: string, errors: FieldError[], skipped: Skipped): void {
  restrictions(schema, path, errors, skipped);
  const items = itemsOf(schema);
  if (items !== undefined) restriction(items, `${path}.items`, errors, nothingSkipped);
  for (const [name, inner] of Object.entries(schema.properties ?? {}))
    restriction(inner, property(path, name), errors, nothingSkipped);
  for (const [name, word] of Object.entries(structural)) {
    const given: unknown = schema[name as keyof typeof structural];
    const isEmpty = given === '' || given === false || (Array.isArray(given) && given.length === 0);
    if (given === undefined || (isEmpty && word !== 'undefined')) continue;
    errors.push(forbidden(`${path}.${name}`, `must be ${word} to be structural`));
  }
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, 'metadata'))
    errors.push(forbidden(property(path, 'metadata'), 'must not be specified in a nested context'));
}

/** Whether what the root's combinations restrict is specified outside of them, too: upstream asks it of no other place. */
function complete(
  schema: JsonSchema,
  outer: JsonSchema,
  outerPath: string,
  path: string,
  errors: FieldError[],
): void {
  for (const [inner, at] of combined(schema, path)) completeInner(inner, outer, outerPath, at, errors);
}

/** The same for a schema that is inside of a combination itself. */
function completeInner(
  schema: JsonSchema,
  outer: JsonSchema,
  outerPath: string,
  path: string,
  errors: FieldError[],
): void {
  complete(schema, outer, outerPath, path, errors);
  const go = (inner: JsonSchema, outside: JsonSchema | undefined, outsideAt: string, at: string): void => {
    if (outside === undefined) errors.push(required(outsideAt, `because it is defined in ${at}`));
    else completeInner(inner, outside, outsideAt, at, errors);
  };
  const items = itemsOf(schema);
  if (items !== undefined) go(items, itemsOf(outer), `${outerPath}.items`, `${path}.items`);
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const at = property(path, name);
    const { properties = {} } = outer;
    const outside = Object.hasOwn(properties, name) ? properties[name] : undefined;
    const values = valuesOf(outer);
    if (outside !== undefined || values === undefined) go(inner, outside, property(outerPath, name), at);
    else go(inner, values, `${outerPath}.additionalProperties`, at);
  }
}
