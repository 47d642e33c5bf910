/** The CEL rules of a schema, compiled, and what they say about an object. */
import type { FieldError } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import type { JsonSchema } from './json-schema.ts';

export interface RuleSet {
  check(object: ApiObject, old: ApiObject | undefined): FieldError[];
}

export function compileRules(_schema: JsonSchema): RuleSet {
  return { check: () => [] };
}

export function validateRules(
  _schema: JsonSchema,
  _path: string,
  _before: JsonSchema | undefined,
): FieldError[] {
  return [];
}
