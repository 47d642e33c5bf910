/** Whether the defaults of a schema are values that pruning, validation and rules leave alone. */
import { type FieldError, fieldErrors } from '@timonier/api';
import { CompileError } from '@timonier/cel';
import { sameTree } from '../storage/copy.ts';
import { itemsOf, type JsonSchema } from './json-schema.ts';
import { pruned } from './prune.ts';
import { compileRules } from './rules.ts';
import { validateField } from './validate-value.ts';

export function validateDefaults(schema: JsonSchema, path: string): FieldError[] {
  const errors = schema.default === undefined ? [] : validateDefault(schema, `${path}.default`);
  const items = itemsOf(schema);
  if (items !== undefined) errors.push(...validateDefaults(items, `${path}.items`));
  for (const [name, inner] of Object.entries(schema.properties ?? {}))
    errors.push(...validateDefaults(inner, `${path}.properties[${name}]`));
  return errors;
}

function validateDefault(schema: JsonSchema, path: string): FieldError[] {
  const value: unknown = schema.default;
  const isPruned = !sameTree(pruned(schema, value, '', []), value);
  const errors = [
    ...(isPruned ? [fieldErrors.invalid(path, value, 'must not have unknown fields')] : []),
    ...validateField(schema, path, value, undefined),
  ];
  return errors.length > 0 ? errors : brokenRules(schema, value, path);
}

function brokenRules(schema: JsonSchema, value: unknown, path: string): FieldError[] {
  try {
    return compileRules(schema, false).check(value, undefined, path);
  } catch (error) {
    // That a rule does not compile is told of the rule.
    if (error instanceof CompileError) return [];
    throw error;
  }
}
