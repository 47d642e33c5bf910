/**
 * Whether a schema is structural: every value has a type and its place, combinations only restrict what is specified
 * outside of them, and defaults fit. Source: "Specifying a structural schema" of the Kubernetes documentation.
 */
import { type FieldError, fieldErrors } from '@timonier/api';
import { sameTree } from '../storage/copy.ts';
import {
  isEmbedded,
  isIntOrString,
  isObject,
  type JsonSchema,
  preservesUnknown,
  valuesOf,
} from './json-schema.ts';
import { patternProblem } from './patterns.ts';
import { pruned } from './prune.ts';
import { validateRules } from './rules.ts';
import { validateValue } from './validate-value.ts';

const { forbidden, invalid, notSupported, required } = fieldErrors;

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
/** Fields that only a structural place may have, not one inside of a combination. */
const structuralFields = [
  'title',
  'description',
  'type',
  'additionalProperties',
  'nullable',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
] as const;
/** The same, in the words for those that are no more than absent. */
const structuralMarks = ['default', 'x-kubernetes-list-type', 'x-kubernetes-map-type'] as const;
const maxDepth = 64;

/** `before` is the schema that this one replaces: rules that stand in it unchanged are not judged by their cost again. */
export function validateSchema(schema: JsonSchema, path: string, before?: JsonSchema): FieldError[] {
  // Such a schema has no structural form at all, so nothing else is said of it.
  if (hasDialect(schema)) return [invalid(path, '', "OpenAPIV3Schema 'schema' is not supported")];
  const errors: FieldError[] = [];
  if (schema.nullable === true)
    errors.push(forbidden(`${path}.nullable`, 'nullable cannot be true at the root'));
  place(schema, path, errors, { isRoot: true, depth: 0 });
  if (errors.length > 0) return errors;
  defaults(schema, path, errors);
  if (errors.length === 0) errors.push(...validateRules(schema, path, before));
  return errors;
}

/** Whether `$schema` names a dialect, here or in any schema below. Where they are nested too deep, that is refused by itself. */
function hasDialect(schema: JsonSchema, depth = 0): boolean {
  if (depth > maxDepth) return false;
  if ((schema.$schema ?? '') !== '') return true;
  return schemasIn(schema).some((inner) => hasDialect(inner, depth + 1));
}

function schemasIn(schema: JsonSchema): readonly JsonSchema[] {
  const { properties = {}, items = [], allOf = [], anyOf = [], oneOf = [], not } = schema;
  const values = valuesOf(schema);
  return [
    ...Object.values(properties),
    ...(Array.isArray(items) ? items : [items]),
    ...allOf,
    ...anyOf,
    ...oneOf,
    ...(not === undefined ? [] : [not]),
    ...(values === undefined ? [] : [values]),
  ];
}

interface Where {
  readonly isRoot: boolean;
  readonly depth: number;
}

function place(schema: JsonSchema, path: string, errors: FieldError[], { isRoot, depth }: Where): void {
  if (depth > maxDepth) {
    errors.push(forbidden(path, `must not be nested deeper than ${maxDepth}`));
    return;
  }
  unsupported(schema, path, errors);
  type(schema, path, errors, isRoot);
  extensions(schema, path, errors, isRoot);
  values(schema, path, errors);
  if (
    schema.properties !== undefined &&
    schema.additionalProperties !== undefined &&
    schema.additionalProperties !== false
  )
    errors.push(
      forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'),
    );
  if (isRoot && schema.additionalProperties !== undefined)
    errors.push(forbidden(`${path}.additionalProperties`, 'must not be used at the root'));
  if (schema.additionalProperties === false)
    errors.push(forbidden(`${path}.additionalProperties`, 'cannot be set to false'));
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const at = `${path}.properties[${name}]`;
    if (isRoot && name === 'metadata') metadata(inner, at, errors);
    else place(inner, at, errors, { isRoot: false, depth: depth + 1 });
  }
  const inside = valuesOf(schema);
  if (inside !== undefined)
    place(inside, `${path}.additionalProperties`, errors, { isRoot: false, depth: depth + 1 });
  if (Array.isArray(schema.items))
    errors.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'));
  else if (schema.items !== undefined)
    place(schema.items, `${path}.items`, errors, { isRoot: false, depth: depth + 1 });
  else if (schema.type === 'array') errors.push(required(`${path}.items`, 'must be specified'));
  combinations(schema, schema, path, errors, depth);
}

/** A definition may only restrict the name of its objects. */
function metadata(schema: JsonSchema, path: string, errors: FieldError[]): void {
  if (schema.type !== 'object') errors.push(invalid(`${path}.type`, schema.type ?? '', 'must be object'));
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    if (name === 'name' || name === 'generateName') {
      values(inner, `${path}.properties[${name}]`, errors);
      continue;
    }
    errors.push(
      forbidden(
        path,
        'must not specify anything other than name and generateName, but metadata is implicitly specified',
      ),
    );
    break;
  }
}

function unsupported(schema: JsonSchema, path: string, errors: FieldError[]): void {
  const never = [
    '$ref',
    'definitions',
    'dependencies',
    'patternProperties',
    'id',
    'additionalItems',
  ] as const;
  for (const name of never) {
    // An empty reference is one, too.
    if (schema[name] === undefined || (schema[name] === '' && name !== '$ref')) continue;
    errors.push(forbidden(`${path}.${name}`, `${name} is not supported`));
  }
  if (schema.uniqueItems === true)
    errors.push(
      forbidden(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
}

function type(schema: JsonSchema, path: string, errors: FieldError[], isRoot: boolean): void {
  const given = schema.type ?? '';
  if (given === '') {
    if (isRoot) errors.push(required(`${path}.type`, 'must not be empty at the root'));
    else if (!isIntOrString(schema) && !preservesUnknown(schema))
      errors.push(required(`${path}.type`, 'must not be empty for specified object fields'));
  } else if (isRoot && given !== 'object')
    errors.push(invalid(`${path}.type`, given, 'must be object at the root'));
  else if (!types.includes(given)) errors.push(notSupported(`${path}.type`, given, types));
}

function extensions(schema: JsonSchema, path: string, errors: FieldError[], isRoot: boolean): void {
  if (isIntOrString(schema) && schema.type)
    errors.push(forbidden(`${path}.type`, 'must be empty if x-kubernetes-int-or-string is true'));
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
  if (preservesUnknown(schema) && schema.type && schema.type !== 'object')
    errors.push(
      invalid(`${path}.type`, schema.type, 'must be object if x-kubernetes-preserve-unknown-fields is true'),
    );
  if (isEmbedded(schema)) {
    if (isRoot)
      errors.push(forbidden(`${path}.x-kubernetes-embedded-resource`, 'must not be used at the root'));
    if (schema.type !== 'object')
      errors.push(
        invalid(
          `${path}.type`,
          schema.type ?? '',
          'must be object if x-kubernetes-embedded-resource is true',
        ),
      );
    if (!preservesUnknown(schema) && schema.properties === undefined)
      errors.push(
        required(
          `${path}.properties`,
          'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
        ),
      );
  }
  lists(schema, path, errors);
  maps(schema, path, errors);
}

function maps(schema: JsonSchema, path: string, errors: FieldError[]): void {
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined) {
    if (schema.type !== 'object')
      errors.push(
        invalid(`${path}.type`, schema.type ?? '', 'must be object if x-kubernetes-map-type is specified'),
      );
    if (mapType !== 'atomic' && mapType !== 'granular')
      errors.push(notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
  }
}

function lists(schema: JsonSchema, path: string, errors: FieldError[]): void {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const keysPath = `${path}.x-kubernetes-list-map-keys`;
  if (listType === undefined) {
    if (keys.length > 0)
      errors.push(
        required(`${path}.x-kubernetes-list-type`, 'must be map if x-kubernetes-list-map-keys is non-empty'),
      );
    return;
  }
  if (schema.type !== 'array')
    errors.push(
      invalid(`${path}.type`, schema.type ?? '', 'must be array if x-kubernetes-list-type is specified'),
    );
  if (!['atomic', 'set', 'map'].includes(listType))
    errors.push(notSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']));
  const items = Array.isArray(schema.items) ? undefined : schema.items;
  if (listType !== 'map') {
    if (keys.length > 0)
      errors.push(
        invalid(
          `${path}.x-kubernetes-list-type`,
          listType,
          'must be map if x-kubernetes-list-map-keys is non-empty',
        ),
      );
    if (listType === 'set' && items?.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic')
      errors.push(
        invalid(
          `${path}.items.x-kubernetes-map-type`,
          items['x-kubernetes-map-type'],
          'must be atomic as item of a list with x-kubernetes-list-type=set',
        ),
      );
    if (listType === 'set' && items?.nullable === true)
      errors.push(
        forbidden(`${path}.items.nullable`, 'cannot be nullable when x-kubernetes-list-type is set'),
      );
    return;
  }
  if (keys.length === 0)
    errors.push(required(keysPath, 'must not be empty if x-kubernetes-list-type is map'));
  if (items?.type !== 'object')
    errors.push(
      invalid(
        `${path}.items.type`,
        items?.type ?? '',
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    );
  if (new Set(keys).size !== keys.length)
    errors.push(
      fieldErrors.duplicate(
        keysPath,
        keys.find((key, i) => keys.indexOf(key) !== i),
      ),
    );
  for (const [i, key] of keys.entries()) {
    const property = items?.properties?.[key];
    if (property === undefined) {
      errors.push(invalid(`${keysPath}[${i}]`, key, 'entries must all be names of item properties'));
      continue;
    }
    const at = `${path}.items.properties[${key}]`;
    if (property.type === 'array' || property.type === 'object')
      errors.push(
        invalid(
          `${at}.type`,
          property.type,
          `must be a scalar type if parent array's x-kubernetes-list-type is map`,
        ),
      );
    if (property.nullable === true)
      errors.push(
        forbidden(
          `${at}.nullable`,
          'this property is in x-kubernetes-list-map-keys, so it cannot be nullable',
        ),
      );
    if (items?.required?.includes(key) !== true && property.default === undefined)
      errors.push(
        required(
          `${at}.default`,
          'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
        ),
      );
  }
}

/** What a place says about values, in or outside of a combination. */
function values(schema: JsonSchema, path: string, errors: FieldError[]): void {
  const { pattern } = schema;
  if (pattern !== undefined && pattern !== '') {
    const problem = patternProblem(pattern);
    if (problem !== undefined)
      errors.push(
        invalid(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${problem}`),
      );
  }
}

/** `outer` is the structural place that a combination restricts. */
function combinations(
  schema: JsonSchema,
  outer: JsonSchema,
  path: string,
  errors: FieldError[],
  depth: number,
): void {
  if (depth > maxDepth) return;
  for (const name of ['allOf', 'anyOf', 'oneOf'] as const)
    for (const [i, inner] of (schema[name] ?? []).entries())
      restriction(inner, outer, `${path}.${name}[${i}]`, errors, depth + 1);
  if (schema.not !== undefined) restriction(schema.not, outer, `${path}.not`, errors, depth + 1);
}

function restriction(
  schema: JsonSchema,
  outer: JsonSchema,
  path: string,
  errors: FieldError[],
  depth: number,
): void {
  for (const name of structuralFields) {
    const given = schema[name];
    if (given === undefined || given === '' || given === false) continue;
    const isTypeOfIntOrString = name === 'type' && isIntOrString(outer);
    if (isTypeOfIntOrString) continue;
    errors.push(forbidden(`${path}.${name}`, 'must be empty to be structural'));
  }
  for (const name of structuralMarks)
    if (schema[name] !== undefined)
      errors.push(forbidden(`${path}.${name}`, 'must be undefined to be structural'));
  unsupported(schema, path, errors);
  lists(schema, path, errors);
  maps(schema, path, errors);
  values(schema, path, errors);
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const outside = outer.properties?.[name] ?? valuesOf(outer);
    const at = `${path}.properties[${name}]`;
    if (outside === undefined && !preservesUnknown(outer))
      errors.push(
        required(at.replace(/\.(allOf|anyOf|oneOf)\[\d+\]|\.not/g, ''), `because it is defined in ${at}`),
      );
    restriction(inner, outside ?? { 'x-kubernetes-preserve-unknown-fields': true }, at, errors, depth + 1);
  }
  if (schema.items !== undefined && !Array.isArray(schema.items)) {
    const outside = Array.isArray(outer.items) ? undefined : outer.items;
    if (outside === undefined && !preservesUnknown(outer))
      errors.push(
        required(
          `${path.replace(/\.(allOf|anyOf|oneOf)\[\d+\]|\.not/g, '')}.items`,
          `because it is defined in ${path}.items`,
        ),
      );
    restriction(schema.items, outside ?? {}, `${path}.items`, errors, depth + 1);
  }
  combinations(schema, outer, path, errors, depth);
}

/** Every default must be a value that pruning and validation leave alone. */
function defaults(schema: JsonSchema, path: string, errors: FieldError[]): void {
  if (schema.default !== undefined) {
    const at = `${path}.default`;
    const value = schema.default;
    const dropped = pruned(schema, value, '', []);
    if (!sameTree(dropped, value)) errors.push(invalid(at, value, 'must not have unknown fields'));
    else for (const error of validateValue(schema, value, undefined, at)) errors.push(error);
  }
  for (const [name, inner] of Object.entries(schema.properties ?? {}))
    defaults(inner, `${path}.properties[${name}]`, errors);
  const inside = valuesOf(schema);
  if (inside !== undefined) defaults(inside, `${path}.additionalProperties`, errors);
  if (isObject(schema.items)) defaults(schema.items, `${path}.items`, errors);
}
