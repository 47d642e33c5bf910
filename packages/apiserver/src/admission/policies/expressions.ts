/**
 * The variables that a policy's expressions share, each evaluated when one first asks. Expressions know the type of each:
 * a variable sees those before it, and everything else sees them all.
 */
import type { FieldError, ParamKind, Variable } from '@timonier/api';
import {
  EvaluationError,
  type Environment,
  fromJson,
  Mapping,
  type ObjectType,
  type Type,
  types,
  type Value,
} from '@timonier/cel';
import { inputOf } from '../conditions.ts';
import { failureOf } from '../decisions.ts';
import { type Budget, Expression, ExpressionError, type Input } from '../expression.ts';
import type { AdmissionRequest } from '../request.ts';

type ObjectField = ObjectType['fields'] extends ReadonlyMap<string, infer F> ? F : never;
export type VariableTypes = Map<string, ObjectField>;

/** `variables` as the expressions of a policy see it. */
export function variablesType(known: VariableTypes): Type {
  return { kind: 'object', name: 'kubernetes.variables', fields: known };
}

/** What beside the request a policy's expressions may name: its parameters and its variables, where it has any. */
export function ownVariables(
  spec: { readonly paramKind?: ParamKind; readonly variables?: readonly Variable[] } | undefined,
  known: VariableTypes,
): Readonly<Record<string, Type>> {
  return {
    ...(spec?.paramKind === undefined ? {} : { params: types.dyn }),
    ...((spec?.variables ?? []).length === 0 ? {} : { variables: variablesType(known) }),
  };
}

export class Variables {
  /** Of two with one name the later counts. */
  readonly #expressions: ReadonlyMap<string, Expression>;
  readonly #all: readonly Expression[];

  /** Adds to `known` what the environment knows as the fields of `variables`. */
  constructor(environment: Environment, sources: readonly Variable[] = [], known: VariableTypes = new Map()) {
    this.#all = sources.map(({ name, expression: source }) => {
      const expression = new Expression(environment, source);
      if (expression.type !== undefined) known.set(name, { type: expression.type, jsonName: name });
      return expression;
    });
    this.#expressions = new Map(
      sources.flatMap(({ name }, i) => {
        const expression = this.#all[i];
        return expression === undefined ? [] : [[name, expression] as const];
      }),
    );
  }

  problems(): FieldError[] {
    return this.#all.flatMap((expression, i) => expression.problems(`spec.variables[${i}].expression`));
  }

  /** What expressions of a policy read: the request, `params` and `variables`. */
  input(request: AdmissionRequest, params: Readonly<object> | undefined, budget: Budget): Input {
    const outer = inputOf(request);
    const parameter = fromJson(params ?? null);
    const input: Input = (name) => {
      if (name === 'params') return parameter;
      return name === 'variables' ? variables : outer(name);
    };
    const variables = new LazyVariables(this.#expressions, (expression) =>
      expression.evaluate(input, budget),
    );
    return input;
  }
}

/** `variables.NAME`: a variable may use those before it, and an unused one costs nothing. */
class LazyVariables extends Mapping {
  readonly #expressions: ReadonlyMap<string, Expression>;
  readonly #evaluate: (expression: Expression) => Value;
  readonly #values = new Map<string, Value>();

  constructor(expressions: ReadonlyMap<string, Expression>, evaluateOne: (expression: Expression) => Value) {
    super();
    this.#expressions = expressions;
    this.#evaluate = evaluateOne;
  }

  get size(): number {
    return this.#expressions.size;
  }

  get(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined;
    const expression = this.#expressions.get(key);
    if (expression === undefined) return undefined;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    let value: Value;
    try {
      value = this.#evaluate(expression);
    } catch (error) {
      const reason = error instanceof ExpressionError ? error.why : failureOf(error);
      throw new EvaluationError(`composited variable "${key}" fails to evaluate: ${reason}`);
    }
    this.#values.set(key, value);
    return value;
  }

  *keys(): Generator<Value> {
    yield* this.#expressions.keys();
  }
}
