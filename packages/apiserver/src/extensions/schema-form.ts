/**
 * What a definition may say in a schema at all, wherever it stands: parts of OpenAPI that are not supported, lists and
 * maps, and CEL rules. Goes from the inside outwards, as upstream tells it; rules are only compiled where nothing else
 * is wrong with the place or below it.
 */
import { type FieldError, fieldErrors } from '@timonier/api';
import { type JsonSchema, valuesOf } from './json-schema.ts';
import { instancesBelow } from './rule-types.ts';
import { type RuleJudge, type RulePlace, validateRuleTexts } from './validate-rules.ts';

const { forbidden, invalid, notSupported, required } = fieldErrors;

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

/** `judge` is undefined where rules make no sense yet, because the schema is not structural. */
export function validateForm(schema: JsonSchema, path: string, judge: RuleJudge | undefined): FieldError[] {
  return visit(schema, path, judge, { instances: 1, uncorrelated: undefined, relative: '' }).errors;
}

interface Found {
  readonly errors: FieldError[];
  /** Whether some of them are about more than rules. */
  readonly isSchemaWrong: boolean;
}

function visit(
  schema: JsonSchema,
  path: string,
  judge: RuleJudge | undefined,
  where: RulePlace | undefined,
): Found {
  const errors = unsupported(schema, path);
  let isSchemaWrong = false;
  const add = (inner: JsonSchema, step: string, innerWhere: RulePlace | undefined): void => {
    const below = visit(inner, `${path}${step}`, judge, innerWhere);
    errors.push(...below.errors);
    isSchemaWrong ||= below.isSchemaWrong;
  };
  const own = (found: readonly FieldError[]): void => {
    errors.push(...found);
    isSchemaWrong ||= found.length > 0;
  };
  isSchemaWrong = errors.length > 0;
  const below = (step: string, isMany: boolean, isCorrelated = true): RulePlace | undefined =>
    where && {
      instances: isMany ? instancesBelow(schema, where.instances) : where.instances,
      uncorrelated: where.uncorrelated ?? (isCorrelated ? undefined : path),
      relative: `${where.relative}${step}`,
    };
  const { properties = {}, items, allOf = [], oneOf = [], anyOf = [], not } = schema;
  own(additional(schema, path));
  const values = valuesOf(schema);
  if (values !== undefined) add(values, '.additionalProperties', below('.additionalProperties', true));
  for (const [name, inner] of Object.entries(properties))
    add(inner, `.properties[${name}]`, below(`.properties[${name}]`, false));
  if (not !== undefined) add(not, '.not', undefined);
  for (const [name, list] of Object.entries({ allOf, oneOf, anyOf }))
    for (const [i, inner] of list.entries()) add(inner, `.${name}[${i}]`, undefined);
  for (const [name, inner] of Object.entries(schema.definitions ?? {}))
    add(inner, `.definitions[${name}]`, undefined);
  if (Array.isArray(items)) for (const [i, inner] of items.entries()) add(inner, `.items[${i}]`, undefined);
  else if (items !== undefined)
    add(items, '.items', below('.items', true, schema['x-kubernetes-list-type'] === 'map'));
  own(marks(schema, path));
  own(lists(schema, path));
  own(validateRuleTexts(schema, path));
  if (!isSchemaWrong && judge !== undefined && where !== undefined)
    errors.push(...judge.place(schema, path, where));
  return { errors, isSchemaWrong };
}

function unsupported(schema: JsonSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const never = (name: keyof JsonSchema, isThere: boolean): void => {
    if (isThere) errors.push(forbidden(`${path}.${name}`, `${name} is not supported`));
  };
  const hasAny = (map: object | undefined): boolean => map !== undefined && Object.keys(map).length > 0;
  const { type = '', items } = schema;
  if (type !== '' && !types.includes(type)) errors.push(notSupported(`${path}.type`, type, types));
  never('id', (schema.id ?? '') !== '');
  never('additionalItems', schema.additionalItems !== undefined);
  never('patternProperties', hasAny(schema.patternProperties));
  never('definitions', hasAny(schema.definitions));
  never('dependencies', schema.dependencies !== undefined);
  // An empty reference is one, too.
  never('$ref', schema.$ref !== undefined);
  if (type === 'null')
    errors.push(forbidden(`${path}.type`, 'type cannot be set to null, use nullable as an alternative'));
  if (Array.isArray(items))
    errors.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'));
  if (schema.uniqueItems === true)
    errors.push(
      forbidden(
        `${path}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  return errors;
}

function additional({ properties, additionalProperties }: JsonSchema, path: string): FieldError[] {
  const field = `${path}.additionalProperties`;
  if (additionalProperties === undefined || Object.keys(properties ?? {}).length === 0) return [];
  if (additionalProperties === true) return [];
  return additionalProperties === false
    ? [forbidden(field, 'additionalProperties cannot be set to false')]
    : [forbidden(field, 'additionalProperties and properties are mutual exclusive')];
}

function marks(schema: JsonSchema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType === undefined) return errors;
  if (schema.type !== 'object') errors.push(typeFor('object', 'x-kubernetes-map-type', schema, path));
  if (mapType !== 'atomic' && mapType !== 'granular')
    errors.push(notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
  return errors;
}

/** A mark belongs to another type than the schema's. */
function typeFor(wanted: string, mark: string, { type }: JsonSchema, path: string): FieldError {
  const detail = `must be ${wanted} if ${mark} is specified`;
  return type ? invalid(`${path}.type`, type, detail) : required(`${path}.type`, detail);
}

function lists(schema: JsonSchema, path: string): FieldError[] {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const items = Array.isArray(schema.items) ? undefined : schema.items;
  const field = `${path}.x-kubernetes-list-type`;
  const errors: FieldError[] = [];
  if (listType !== undefined && schema.type !== 'array')
    errors.push(typeFor('array', 'x-kubernetes-list-type', schema, path));
  else if (listType === 'set' && items !== undefined) errors.push(...setItems(items, `${path}.items`));
  if (listType !== undefined && !['atomic', 'set', 'map'].includes(listType))
    errors.push(notSupported(field, listType, ['atomic', 'set', 'map']));
  if (keys.length > 0 && listType !== 'map') {
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty';
    errors.push(listType === undefined ? required(field, detail) : invalid(field, listType, detail));
  }
  if (listType === 'map') errors.push(...mapKeys(schema, keys, path));
  if ((listType === 'set' || listType === 'map') && items !== undefined)
    errors.push(...fullKeys(items, listType, keys, `${path}.items`));
  return errors;
}

function setItems(items: JsonSchema, path: string): FieldError[] {
  const detail = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const { 'x-kubernetes-list-type': listType, 'x-kubernetes-map-type': mapType } = items;
  if (items.type === 'array' && listType !== undefined && listType !== 'atomic')
    return [invalid(`${path}.x-kubernetes-list-type`, listType, detail)];
  if (items.type === 'object' && mapType !== 'atomic')
    return [invalid(`${path}.x-kubernetes-map-type`, mapType, detail)];
  return [];
}

function mapKeys({ items }: JsonSchema, keys: readonly string[], path: string): FieldError[] {
  const keysPath = `${path}.x-kubernetes-list-map-keys`;
  const errors: FieldError[] = [];
  if (keys.length === 0)
    errors.push(required(keysPath, 'must not be empty if x-kubernetes-list-type is map'));
  if (items === undefined)
    return [...errors, required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map')];
  if (Array.isArray(items))
    return [
      ...errors,
      invalid(`${path}.items`, items, 'must only have a single schema if x-kubernetes-list-type is map'),
    ];
  if (items.type !== 'object')
    return [
      ...errors,
      invalid(
        `${path}.items.type`,
        items.type ?? '',
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    ];
  const seen = new Set<string>();
  for (const key of keys) {
    const property = items.properties?.[key];
    if (property === undefined)
      errors.push(invalid(keysPath, keys, 'entries must all be names of item properties'));
    else if (property.type === 'array' || property.type === 'object')
      errors.push(
        invalid(
          `${path}.items.properties[${key}].type`,
          items.type,
          "must be a scalar type if parent array's x-kubernetes-list-type is map",
        ),
      );
    if (seen.has(key)) errors.push(invalid(keysPath, keys, 'must not contain duplicate entries'));
    seen.add(key);
  }
  return errors;
}

/** Items of sets and maps are told apart by all of their keys, so that none may be missing. */
function fullKeys(items: JsonSchema, listType: string, keys: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (items.nullable === true)
    errors.push(
      forbidden(`${path}.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`),
    );
  if (listType !== 'map') return errors;
  for (const key of keys) {
    const property = items.properties?.[key];
    if (property === undefined) continue;
    const at = `${path}.properties[${key}]`;
    if (items.required?.includes(key) !== true && property.default === undefined)
      errors.push(
        required(
          `${at}.default`,
          'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
        ),
      );
    if (property.nullable === true)
      errors.push(
        forbidden(
          `${at}.nullable`,
          'this property is in x-kubernetes-list-map-keys, so it cannot be nullable',
        ),
      );
  }
  return errors;
}
