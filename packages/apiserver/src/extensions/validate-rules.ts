/** The CEL rules of a schema when a definition is written: their texts, whether they compile, and what they may cost. */
import { type FieldError, fieldErrors } from '@timonier/api';
import { CompileError, type Environment, type Program, type Type, types } from '@timonier/cel';
import { pathOfField } from './field-paths.ts';
import { isIntOrString, type JsonSchema, walkSchema } from './json-schema.ts';
import { mostInstances, typeOfSchema } from './rule-types.ts';
import { environmentFor, type Rule, ruleReasons } from './rules.ts';

const { forbidden, invalid, notSupported, required } = fieldErrors;

/** What one rule, and all rules of a definition may cost: as upstream. */
const ruleLimit = 10_000_000;
const definitionLimit = 100_000_000;
/** The dearest rules are named when all together cost too much. */
const maxNamed = 4;

const mark = 'x-kubernetes-validations';

/** Where rules stand, for what they may see and cost. */
export interface RulePlace {
  /** The most values of this place that one object can hold; undefined where no bound says it. */
  readonly instances: number | undefined;
  /** The path of the list whose items cannot be told from those before a change; undefined outside of any. */
  readonly uncorrelated: string | undefined;
  /** From the root of the schema. */
  readonly relative: string;
}

/** What can be said of rules without compiling them. */
export function validateRuleTexts(schema: JsonSchema, path: string): FieldError[] {
  return (schema[mark] ?? []).flatMap((rule, i) => [
    ...texts(rule, `${path}.${mark}[${i}]`),
    ...fieldPath(rule.fieldPath ?? '', `${path}.${mark}[${i}].fieldPath`, schema),
  ]);
}

function texts(rule: Rule, path: string): FieldError[] {
  const { message = '', messageExpression = '', reason } = rule;
  const errors: FieldError[] = [];
  if (rule.rule.trim() === '') errors.push(required(`${path}.rule`, 'rule is not specified'));
  if (message !== '' && message.trim() === '')
    errors.push(invalid(`${path}.message`, message, 'must be non-empty if specified'));
  else if (message.trim().includes('\n'))
    errors.push(invalid(`${path}.message`, message, 'must not contain line breaks'));
  else if (rule.rule.trim().includes('\n') && message.trim() === '')
    errors.push(required(`${path}.message`, 'message must be specified if rule contains line breaks'));
  if (messageExpression !== '' && messageExpression.trim() === '')
    errors.push(required(`${path}.messageExpression`, 'messageExpression must be non-empty if specified'));
  if (reason !== undefined && !ruleReasons.includes(reason))
    errors.push(notSupported(`${path}.reason`, reason, ruleReasons));
  return errors;
}

function fieldPath(text: string, path: string, schema: JsonSchema): FieldError[] {
  if (text === '') return [];
  const errors: FieldError[] = [];
  if (text.trim() === '') errors.push(invalid(path, text, 'must be non-empty if specified'));
  if (text.includes('\n')) errors.push(invalid(path, text, 'must not contain line breaks'));
  if (pathOfField(schema, text) === undefined) errors.push(invalid(path, text, 'must be a valid path'));
  return errors;
}

/** A rule as upstream shows it in errors about it. */
function shown(rule: Rule): unknown {
  return {
    Rule: rule.rule,
    Message: rule.message ?? '',
    MessageExpression: rule.messageExpression ?? '',
    Reason: rule.reason ?? null,
    FieldPath: rule.fieldPath ?? '',
    OptionalOldSelf: rule.optionalOldSelf ?? null,
  };
}

export class RuleJudge {
  readonly #known: ReadonlySet<string>;
  readonly #costs: { readonly path: string; readonly cost: number }[] = [];

  /** Rules that stand unchanged in `before` are not judged by their cost. */
  constructor(before: JsonSchema | undefined) {
    this.#known = before === undefined ? new Set() : knownRules(before);
  }

  /** What is wrong with the rules of one place. */
  place(schema: JsonSchema, path: string, where: RulePlace): FieldError[] {
    const rules = schema[mark] ?? [];
    if (rules.length === 0) return [];
    const type = typeOfSchema(schema, 'self', where.relative === '');
    // What may be anything has no type that expressions know.
    const isOpen = !schema.type && !isIntOrString(schema);
    if (type === undefined || isOpen)
      return [
        {
          type: 'InternalError',
          field: `${path}.${mark}`,
          badValue: fieldErrors.OMITTED,
          detail: `internal error: failed to construct type information for ${mark} rules: unable to convert structural schema to CEL declarations`,
        },
      ];
    const instances = where.instances ?? mostInstances(schema);
    return rules.flatMap((rule, i) => this.#rule(rule, `${path}.${mark}[${i}]`, type, where, instances));
  }

  /** That all rules together cost too much. */
  total(path: string): FieldError[] {
    const sum = this.#costs.reduce((total, { cost }) => total + cost, 0);
    if (sum <= definitionLimit) return [];
    const dearest = this.#costs
      .filter(({ cost }) => cost >= definitionLimit / 100)
      .sort((a, b) => b.cost - a.cost)
      .slice(0, maxNamed);
    return [
      ...dearest.map((one) =>
        forbidden(
          one.path,
          'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
        ),
      ),
      tooDear(path, `${mark} estimated rule cost total for entire OpenAPIv3 schema`, sum / definitionLimit),
    ];
  }

  #rule(rule: Rule, path: string, type: Type, where: RulePlace, instances: number): FieldError[] {
    const environment = environmentFor(type, rule.optionalOldSelf === true);
    const errors: FieldError[] = [];
    const program = compiled(environment, rule, 'rule', types.bool, path, errors);
    if (program !== undefined) {
      const usesOld = program.variables.has('oldSelf');
      errors.push(
        ...this.#cost(program.estimate * instances, `${path}.rule`, 'estimated rule cost', rule, where),
      );
      if (usesOld && where.uncorrelated !== undefined)
        errors.push(
          invalid(
            `${path}.rule`,
            rule.rule,
            `oldSelf cannot be used on the uncorrelatable portion of the schema within ${where.uncorrelated}`,
          ),
        );
      if (!usesOld && rule.optionalOldSelf !== undefined)
        errors.push(
          invalid(
            `${path}.optionalOldSelf`,
            rule.optionalOldSelf,
            'may not be set if oldSelf is not used in rule',
          ),
        );
    }
    if (rule.messageExpression) {
      const message = compiled(environment, rule, 'messageExpression', types.string, path, errors);
      if (message !== undefined)
        errors.push(
          // A message is only made once, wherever the rule stands.
          ...this.#cost(
            message.estimate,
            `${path}.messageExpression`,
            'estimated messageExpression cost',
            rule,
            where,
          ),
        );
    }
    return errors;
  }

  #cost(cost: number, path: string, what: string, rule: Rule, where: RulePlace): FieldError[] {
    if (this.#known.has(`${where.relative} ${rule.rule}`)) return [];
    this.#costs.push({ path, cost });
    return cost > ruleLimit ? [tooDear(path, what, cost / ruleLimit)] : [];
  }
}

function compiled(
  environment: Environment,
  rule: Rule,
  field: 'rule' | 'messageExpression',
  wanted: Type,
  path: string,
  errors: FieldError[],
): Program | undefined {
  try {
    return environment.compile(rule[field] ?? '', wanted);
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    const isResult =
      error.message.includes(`expected type '${wanted.kind}' but found`) && error.issues.length === 1;
    const [subject, prefix] = field === 'rule' ? ['cel expression', ''] : [field, `${field} `];
    const text = isResult ? `${subject} must evaluate to a ${wanted.kind}` : `${prefix}${error.problem}`;
    errors.push(invalid(`${path}.${field}`, shown(rule), text));
    return undefined;
  }
}

function tooDear(path: string, what: string, factor: number): FieldError {
  // One that rounds to the limit itself would look as if it kept to it.
  const times = factor > 100 ? 'more than 100' : factor < 1.5 ? factor.toFixed(6) : factor.toFixed(1);
  return forbidden(
    path,
    `${what} exceeds budget by factor of ${times}x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`,
  );
}

function knownRules(schema: JsonSchema): Set<string> {
  const known = new Set<string>();
  walkSchema(schema, '', (inner, at) => {
    for (const { rule } of inner[mark] ?? []) known.add(`${at} ${rule}`);
  });
  return known;
}
