/**
 * What is wrong with the schema of a definition. Three looks at it, as upstream takes them: whether it is structural,
 * whether its defaults fit, and whether it says only what a definition may say. A schema with parts that no structural
 * one can have is not looked at as one.
 */
import { type FieldError, fieldErrors } from '@timonier/api';
import { type JsonSchema, schemasIn } from './json-schema.ts';
import { validateDefaults } from './schema-defaults.ts';
import { validateForm } from './schema-form.ts';
import { validateStructure } from './schema-structure.ts';
import { RuleJudge } from './validate-rules.ts';

const { forbidden, invalid } = fieldErrors;

const maxDepth = 64;

/** `before` is the schema that this one replaces: rules that stand in it unchanged are not judged by their cost again. */
export function validateSchema(schema: JsonSchema, path: string, before?: JsonSchema): FieldError[] {
  if (depthOf(schema) > maxDepth) return [forbidden(path, `must not be nested deeper than ${maxDepth}`)];
  const errors: FieldError[] = [];
  if (schema.nullable === true)
    errors.push(forbidden(`${path}.nullable`, 'nullable cannot be true at the root'));
  const alien = alienPart(schema);
  let judge: RuleJudge | undefined;
  if (alien === undefined) {
    const found = validateStructure(schema, path);
    errors.push(...(found.length > 0 ? found : validateDefaults(schema, path)));
    if (errors.length === 0) judge = new RuleJudge(before);
  }
  const form = validateForm(schema, path, judge);
  errors.push(...form);
  if (form.length === 0 && alien !== undefined)
    errors.push(invalid(path, '', `OpenAPIV3Schema '${alien}' is not supported`));
  return [...errors, ...(judge?.total(path) ?? [])];
}

function depthOf(schema: JsonSchema, depth = 0): number {
  if (depth > maxDepth) return depth;
  return Math.max(depth, ...schemasIn(schema).map((inner) => depthOf(inner, depth + 1)));
}

/** What has no place in a structural schema, here or below, by the name that upstream gives it. */
function alienPart(schema: JsonSchema): string | undefined {
  const own = Object.entries({
    id: schema.id,
    schema: schema.$schema,
    $ref: schema.$ref,
    definitions: schema.definitions,
    additionalItems: schema.additionalItems,
    patternProperties: schema.patternProperties,
    dependencies: schema.dependencies,
  }).find(([name, part]) => part !== undefined && (part !== '' || name === '$ref'));
  if (own !== undefined) return own[0];
  if (Array.isArray(schema.items)) return 'items';
  for (const inner of schemasIn(schema)) {
    const found = alienPart(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}
