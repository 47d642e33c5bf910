/**
 * The CEL rules of a schema (`x-kubernetes-validations`), evaluated when an object is written. Rules with `oldSelf` hold only for changes; a rule of a place that an update
 * left as it was is not asked again. Evaluation is bounded for each rule and for an object as a whole.
 */
import { type FieldError, fieldErrors } from '@timonier/api';
import {
  CostError,
  Environment,
  EvaluationError,
  fromJson,
  Optional,
  perCallLimit,
  type Program,
  type Type,
  types,
  type Value,
} from '@timonier/cel';
import { sameTree } from '../storage/copy.ts';
import { pathOfField } from './field-paths.ts';
import { isObject, itemsOf, join, type JsonSchema, propertyOf, valuesOf } from './json-schema.ts';
import { itemKey, oldItems } from './list-types.ts';
import { typeOfSchema } from './rule-types.ts';

const { invalid, OMITTED: omitted } = fieldErrors;

/** What all rules for one object may cost: as upstream. */
const objectLimit = 10_000_000;
const maxMessage = 2_048;
export const ruleReasons = [
  'FieldValueDuplicate',
  'FieldValueForbidden',
  'FieldValueInvalid',
  'FieldValueRequired',
];

export type Rule = NonNullable<JsonSchema['x-kubernetes-validations']>[number];

interface CompiledRule {
  readonly rule: Rule;
  readonly program: Program;
  readonly message: Program | undefined;
  /** True when the rule is about a change. */
  readonly isTransition: boolean;
}

interface Place {
  readonly type: Type;
  readonly rules: readonly CompiledRule[];
}

export interface RuleSet {
  /** `path` is where the value stands; the root of an object unless told. */
  check(value: unknown, old: unknown, path?: string): FieldError[];
}

/** Of a schema without rules. */
export const noRules: RuleSet = { check: () => [] };

/** The rules of a schema that was judged before. */
export function compileRules(schema: JsonSchema, isWhole = true): RuleSet {
  const places = new Map<JsonSchema, Place>();
  const below = new Set<JsonSchema>();
  const compile = (inner: JsonSchema, isRoot: boolean): boolean => {
    const place = compilePlace(inner, isRoot);
    if (place !== undefined) places.set(inner, place);
    const children = [...Object.values(inner.properties ?? {}), itemsOf(inner), valuesOf(inner)];
    // All of them: a rule found in one says nothing about the others.
    const found = children.map((child) => child !== undefined && compile(child, false)).includes(true);
    if (found || place !== undefined) below.add(inner);
    return below.has(inner);
  };
  if (!compile(schema, isWhole)) return noRules;
  return {
    check: (value, old, path = '') => {
      const walk = new RuleWalk(places, below);
      walk.visit(schema, value, old, path, true);
      return walk.errors;
    },
  };
}

export function environmentFor(type: Type, isOptionalOld: boolean): Environment {
  return new Environment({
    variables: { self: type, oldSelf: isOptionalOld ? types.optional(type) : type },
    // Whatever a path begins with: upstream knows one root.
    roots: () => type,
  });
}

function compilePlace(schema: JsonSchema, isRoot: boolean): Place | undefined {
  const rules = schema['x-kubernetes-validations'] ?? [];
  const type = rules.length === 0 ? undefined : typeOfSchema(schema, 'self', isRoot);
  if (type === undefined) return undefined;
  const compiled = rules.map((rule): CompiledRule => {
    const environment = environmentFor(type, rule.optionalOldSelf === true);
    const program = environment.compile(rule.rule, types.bool);
    const message = rule.messageExpression
      ? environment.compile(rule.messageExpression, types.string)
      : undefined;
    return { rule, program, message, isTransition: program.variables.has('oldSelf') };
  });
  return { type, rules: compiled };
}

class RuleWalk {
  readonly errors: FieldError[] = [];
  readonly #places: ReadonlyMap<JsonSchema, Place>;
  readonly #below: ReadonlySet<JsonSchema>;
  #left = objectLimit;

  constructor(places: ReadonlyMap<JsonSchema, Place>, below: ReadonlySet<JsonSchema>) {
    this.#places = places;
    this.#below = below;
  }

  /** `old` is the same place of the object before; undefined where there was none, or none that is known to be it. */
  visit(schema: JsonSchema, value: unknown, old: unknown, path: string, isCorrelated: boolean): void {
    if (!this.#below.has(schema) || value === null || value === undefined || this.#left < 0) return;
    const isSame = old !== undefined && sameTree(value, old);
    const place = this.#places.get(schema);
    for (const rule of place?.rules ?? [])
      if (place !== undefined)
        this.#apply(schema, rule, place.type, value, old, path, { isCorrelated, isSame });
    if (Array.isArray(value)) {
      const items = itemsOf(schema);
      if (items === undefined) return;
      const before = oldItems(schema, old);
      const hasKeys = schema['x-kubernetes-list-type'] === 'map';
      for (const [i, item] of value.entries())
        this.visit(items, item, before?.get(itemKey(schema, item)), `${path}[${i}]`, isCorrelated && hasKeys);
    } else if (isObject(value)) {
      const before = isObject(old) ? old : undefined;
      for (const [name, item] of Object.entries(value)) {
        const inner = propertyOf(schema, name);
        if (inner === undefined) continue;
        const previous = before !== undefined && Object.hasOwn(before, name) ? before[name] : undefined;
        const isNamed = schema.properties !== undefined && Object.hasOwn(schema.properties, name);
        this.visit(inner, item, previous, isNamed ? join(path, name) : `${path}[${name}]`, isCorrelated);
      }
    }
  }

  #apply(
    schema: JsonSchema,
    { rule, program, message, isTransition }: CompiledRule,
    type: Type,
    value: unknown,
    old: unknown,
    path: string,
    { isCorrelated, isSame }: { isCorrelated: boolean; isSame: boolean },
  ): void {
    const isOptional = rule.optionalOldSelf === true;
    if (isTransition && !isOptional && (old === undefined || !isCorrelated)) return;
    if (isTransition && isOptional && !isCorrelated) return;
    if (isSame && !isTransition) return;
    const at = path === '' ? '<nil>' : path;
    const input = (name: string): Value | undefined => {
      if (name === 'self') return fromJson(value, type);
      if (!isOptional) return fromJson(old, type);
      return new Optional(old === undefined || old === null ? undefined : fromJson(old, type));
    };
    try {
      const { value: holds, cost } = program.evaluate(input, Math.min(perCallLimit, this.#left));
      this.#left -= cost;
      if (holds === true) return;
      this.errors.push(this.#violation(schema, rule, message, input, value, at));
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      if (error instanceof CostError) this.#left = -1;
      const text =
        error instanceof CostError
          ? 'validation failed due to running out of cost budget, no further validation rules will be run'
          : `${error.message} evaluating rule: ${(rule.message || rule.rule).trim()}`;
      this.errors.push(invalid(at, typeWord(schema), text));
    }
  }

  #violation(
    schema: JsonSchema,
    rule: Rule,
    message: Program | undefined,
    input: (name: string) => Value | undefined,
    value: unknown,
    path: string,
  ): FieldError {
    const text = this.#computedMessage(message, input) ?? ruleMessage(rule);
    const below = rule.fieldPath ? pathOfField(schema, rule.fieldPath) : undefined;
    const field = below === undefined ? path : path === '<nil>' ? below.replace(/^\./, '') : path + below;
    switch (rule.reason) {
      case 'FieldValueRequired':
        return { type: 'Required', field, detail: text };
      case 'FieldValueForbidden':
        return { type: 'Forbidden', field, detail: text };
      case 'FieldValueDuplicate':
        return { type: 'Duplicate', field, badValue: shown(value), detail: '' };
      default:
        return invalid(field, shown(value), text);
    }
  }

  /** Undefined when the expression fails, or says nothing that fits on a line. */
  #computedMessage(
    program: Program | undefined,
    input: (name: string) => Value | undefined,
  ): string | undefined {
    if (program === undefined) return undefined;
    try {
      const { value, cost } = program.evaluate(input, Math.min(perCallLimit, Math.max(0, this.#left)));
      this.#left -= cost;
      const text = typeof value === 'string' ? value.trim() : '';
      return text === '' || text.includes('\n') || text.length > maxMessage ? undefined : text;
    } catch (error) {
      if (error instanceof EvaluationError) return undefined;
      throw error;
    }
  }
}

function ruleMessage({ rule, message }: Rule): string {
  return message || `failed rule: ${rule.trim()}`;
}

/** Of whole objects and lists nothing is shown: what they hold would drown the message. */
function shown(value: unknown): unknown {
  return Array.isArray(value) || isObject(value) ? omitted : value;
}

/** What stands for the value when a rule has no answer for it. */
function typeWord(schema: JsonSchema): string {
  return schema.type ?? '';
}
