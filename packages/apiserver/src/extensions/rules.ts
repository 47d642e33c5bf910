/**
 * The CEL rules of a schema (`x-kubernetes-validations`): compiled and judged by their cost when a definition is
 * written, evaluated when an object is. Rules with `oldSelf` hold only for changes; a rule of a place that an update
 * left as it was is not asked again. Evaluation is bounded for each rule and for an object as a whole.
 */
import type { FieldError } from '@timonier/api';
import { fieldErrors } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import {
  CompileError,
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
import { simplePath } from './json-path.ts';
import { isObject, itemsOf, join, type JsonSchema, propertyOf, valuesOf, walkSchema } from './json-schema.ts';
import { instancesBelow, typeOfSchema } from './rule-types.ts';
import { itemKey, oldItems } from './validate-value.ts';

const { invalid, required } = fieldErrors;

/** What one rule, all rules of a definition, and all rules for one object may cost: as upstream. */
const ruleLimit = 10_000_000;
const definitionLimit = 100_000_000;
const objectLimit = 10_000_000;
const maxMessage = 2_048;
const reasons = ['FieldValueRequired', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueDuplicate'];

type Rule = NonNullable<JsonSchema['x-kubernetes-validations']>[number];

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
  check(object: ApiObject, old: ApiObject | undefined): FieldError[];
}

const nothing: RuleSet = { check: () => [] };

/** The rules of a schema that was judged before. */
export function compileRules(schema: JsonSchema): RuleSet {
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
  if (!compile(schema, true)) return nothing;
  return {
    check: (object, old) => {
      const walk = new RuleWalk(places, below);
      walk.visit(schema, object, old, '', true);
      return walk.errors;
    },
  };
}

function environmentFor(type: Type, isOptionalOld: boolean): Environment {
  return new Environment({ variables: { self: type, oldSelf: isOptionalOld ? types.optional(type) : type } });
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
      if (place !== undefined) this.#apply(rule, place.type, value, old, path, { isCorrelated, isSame });
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
        this.visit(inner, item, previous, join(path, name), isCorrelated);
      }
    }
  }

  #apply(
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
      this.errors.push(this.#violation(rule, message, input, value, at));
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      if (error instanceof CostError) this.#left = -1;
      const text =
        error instanceof CostError
          ? 'validation failed due to running out of cost budget, no further validation rules will be run'
          : `${error.message} evaluating rule: ${ruleMessage(rule)}`;
      this.errors.push(invalid(at, shown(value), text));
    }
  }

  #violation(
    rule: Rule,
    message: Program | undefined,
    input: (name: string) => Value | undefined,
    value: unknown,
    path: string,
  ): FieldError {
    const text = this.#computedMessage(message, input) ?? ruleMessage(rule);
    const field = rule.fieldPath ? fieldBelow(path, rule.fieldPath) : path;
    switch (rule.reason) {
      case 'FieldValueRequired':
        return { type: 'Required', field, detail: text };
      case 'FieldValueForbidden':
        return { type: 'Forbidden', field, detail: text };
      case 'FieldValueDuplicate':
        return { type: 'Duplicate', field, badValue: shown(value), detail: text };
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

function fieldBelow(path: string, below: string): string {
  return path === '<nil>'
    ? below.replace(/^\./, '')
    : `${path}${below.startsWith('.') ? below : `.${below}`}`;
}

/** Whole objects are named by their type in errors; what they hold would drown the message. */
function shown(value: unknown): unknown {
  if (Array.isArray(value)) return 'array';
  return isObject(value) ? 'object' : value;
}

/** What is wrong with the rules of a schema. Rules that stand unchanged in `before` are not judged by their cost. */
export function validateRules(
  schema: JsonSchema,
  path: string,
  before: JsonSchema | undefined,
): FieldError[] {
  const known = before === undefined ? new Set<string>() : knownRules(before);
  const judge = new RuleJudge(known);
  judge.visit(schema, path, 1, true);
  if (judge.errors.length === 0 && judge.total > definitionLimit)
    judge.errors.push({
      type: 'Forbidden',
      field: path,
      detail: `contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
    });
  return judge.errors;
}

function knownRules(schema: JsonSchema): Set<string> {
  const known = new Set<string>();
  walkSchema(schema, '', (inner, at) => {
    for (const { rule } of inner['x-kubernetes-validations'] ?? []) known.add(`${at} ${rule}`);
  });
  return known;
}

class RuleJudge {
  readonly errors: FieldError[] = [];
  total = 0;
  readonly #known: ReadonlySet<string>;

  constructor(known: ReadonlySet<string>) {
    this.#known = known;
  }

  visit(schema: JsonSchema, path: string, instances: number, isCorrelated: boolean, relative = ''): void {
    const rules = schema['x-kubernetes-validations'] ?? [];
    if (rules.length > 0) {
      const type = typeOfSchema(schema, 'self', relative === '');
      for (const [i, rule] of rules.entries())
        this.#rule(
          rule,
          `${path}.x-kubernetes-validations[${i}]`,
          schema,
          type,
          instances,
          isCorrelated,
          relative,
        );
    }
    for (const [name, inner] of Object.entries(schema.properties ?? {}))
      this.visit(
        inner,
        `${path}.properties[${name}]`,
        instances,
        isCorrelated,
        `${relative}.properties[${name}]`,
      );
    const many = instancesBelow(schema, instances);
    const values = valuesOf(schema);
    if (values !== undefined)
      this.visit(
        values,
        `${path}.additionalProperties`,
        many,
        isCorrelated,
        `${relative}.additionalProperties`,
      );
    const items = itemsOf(schema);
    const hasKeys = schema['x-kubernetes-list-type'] === 'map';
    if (items !== undefined)
      this.visit(items, `${path}.items`, many, isCorrelated && hasKeys, `${relative}.items`);
  }

  #rule(
    rule: Rule,
    path: string,
    schema: JsonSchema,
    type: Type | undefined,
    instances: number,
    isCorrelated: boolean,
    relative: string,
  ): void {
    if (rule.rule.trim() === '') {
      this.errors.push(required(`${path}.rule`, 'rule is not specified'));
      return;
    }
    if (rule.message !== undefined) {
      if (rule.message !== '' && rule.message.trim() === '')
        this.errors.push(invalid(`${path}.message`, rule.message, 'message must be non-empty if specified'));
      else if (rule.message.includes('\n'))
        this.errors.push(invalid(`${path}.message`, rule.message, 'message must not contain line breaks'));
      else if (rule.message.length > maxMessage)
        this.errors.push(fieldErrors.tooLong(`${path}.message`, maxMessage));
    }
    if (rule.reason !== undefined && !reasons.includes(rule.reason))
      this.errors.push(fieldErrors.notSupported(`${path}.reason`, rule.reason, reasons));
    if (rule.fieldPath !== undefined) this.#fieldPath(rule.fieldPath, `${path}.fieldPath`, schema);
    if (type === undefined) {
      this.errors.push(
        invalid(
          `${path}.rule`,
          rule.rule,
          'x-kubernetes-validations cannot be used where the schema gives no type',
        ),
      );
      return;
    }
    const environment = environmentFor(type, rule.optionalOldSelf === true);
    const program = this.#compile(environment, rule.rule, types.bool, `${path}.rule`);
    if (program !== undefined) {
      this.#cost(program, `${path}.rule`, instances, `${relative} ${rule.rule}`);
      const usesOld = program.variables.has('oldSelf');
      if (usesOld && !isCorrelated)
        this.errors.push(
          invalid(
            `${path}.rule`,
            rule.rule,
            'oldSelf cannot be used on the uncorrelatable portion of the schema',
          ),
        );
      if (rule.optionalOldSelf === true && !usesOld)
        this.errors.push(
          invalid(`${path}.optionalOldSelf`, true, 'may not be set if oldSelf is not used in rule'),
        );
    }
    if (rule.messageExpression !== undefined) {
      if (rule.messageExpression.trim() === '')
        this.errors.push(
          required(`${path}.messageExpression`, 'messageExpression must be non-empty if specified'),
        );
      else {
        const message = this.#compile(
          environment,
          rule.messageExpression,
          types.string,
          `${path}.messageExpression`,
        );
        if (message !== undefined)
          this.#cost(message, `${path}.messageExpression`, instances, `${relative} ${rule.rule}`);
      }
    }
  }

  #compile(environment: Environment, source: string, wanted: Type, path: string): Program | undefined {
    try {
      return environment.compile(source, wanted);
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      const isResult =
        error.message.includes(`expected type '${wanted.kind}' but found`) && error.issues.length === 1;
      const text = isResult ? `must evaluate to a ${wanted.kind}` : error.problem;
      this.errors.push(invalid(path, source, text));
      return undefined;
    }
  }

  #cost(program: Program, path: string, instances: number, identity: string): void {
    const cost = program.estimate * instances;
    if (this.#known.has(identity)) return;
    this.total += cost;
    if (cost <= ruleLimit) return;
    const factor = cost / ruleLimit;
    const by = factor > 100 ? 'more than 100x' : `${factor.toFixed(1)}x`;
    this.errors.push({
      type: 'Forbidden',
      field: path,
      detail: `estimated rule cost exceeds budget by factor of ${by} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`,
    });
  }

  #fieldPath(text: string, path: string, schema: JsonSchema): void {
    const parts = simplePath(text.startsWith('.') || text.startsWith('[') ? text : `.${text}`);
    const target = parts?.reduce<JsonSchema | undefined>((inner, name) => propertyOf(inner, name), schema);
    if (text.trim() === '') this.errors.push(invalid(path, text, 'fieldPath must be non-empty if specified'));
    else if (text.includes('\n'))
      this.errors.push(invalid(path, text, 'fieldPath must not contain line breaks'));
    else if (parts === undefined || target === undefined)
      this.errors.push(
        invalid(path, text, 'fieldPath must be a valid path: does not refer to a valid field'),
      );
  }
}
