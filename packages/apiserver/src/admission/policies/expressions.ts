/** The variables that a policy's expressions share, each evaluated when one first asks. */
import type { FieldError, Variable } from '@timonier/api';
import { EvaluationError, type Environment, fromJson, Mapping, type Value } from '@timonier/cel';
import { inputOf } from '../conditions.ts';
import { failureOf } from '../decisions.ts';
import { type Budget, Expression, type Input } from '../expression.ts';
import type { AdmissionRequest } from '../request.ts';

export class Variables {
  /** Of two with one name the later counts. */
  readonly #expressions: ReadonlyMap<string, Expression>;
  readonly #all: readonly Expression[];

  constructor(environment: Environment, sources: readonly Variable[] = []) {
    this.#all = sources.map(({ expression }) => new Expression(environment, expression));
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
      const reason = failureOf(error);
      throw new EvaluationError(`composited variable "${key}" fails to evaluate: ${reason}`);
    }
    this.#values.set(key, value);
    return value;
  }

  *keys(): Generator<Value> {
    yield* this.#expressions.keys();
  }
}
