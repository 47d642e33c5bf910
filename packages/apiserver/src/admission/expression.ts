/**
 * One expression of a policy or a webhook, compiled once. What does not compile is kept with what is wrong: whoever
 * writes it is told the field, and a request that comes all the same is refused or let through by the failure policy.
 */
import { type FieldError, fieldErrors } from '@timonier/api';
import {
  CompileError,
  CostError,
  type Environment,
  EvaluationError,
  perCallLimit,
  type Program,
  type Type,
  types,
  type Value,
} from '@timonier/cel';

export type Input = (name: string) => Value | undefined;

/** The most that all expressions of a policy may cost together, for one request and one parameter; as upstream. */
const budgetPerPolicy = 10_000_000;

/** What the expressions of one evaluation have left to spend. */
export class Budget {
  left = budgetPerPolicy;
}

/** An evaluation that has no value. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
  /** Without the expression in front. */
  readonly why: string;

  constructor(source: string, why: string, options?: ErrorOptions) {
    super(`expression '${source}' resulted in error: ${why}`, options);
    this.why = why;
  }
}

export class Expression {
  readonly source: string;
  /** Of its value; undefined when it does not compile. */
  get type(): Type | undefined {
    return this.#program?.type;
  }
  readonly #program: Program | undefined;
  readonly #problem: string = '';

  /** `wanted`: the types that the value may have; none for any. */
  constructor(environment: Environment, source: string, wanted: readonly Type[] = []) {
    this.source = source;
    try {
      const program = environment.compile(source);
      if (wanted.length === 0 || wanted.some((type) => isOf(program.type, type))) this.#program = program;
      else this.#problem = mustBe(wanted, program.type);
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      this.#problem = error.problem;
    }
  }

  /** What is wrong with it, at the field it stands in. */
  /** That there must be one is for the rules of a kind to say. */
  problems(field: string): FieldError[] {
    if (this.source.trim() === '') return [];
    return this.#program === undefined ? [fieldErrors.invalid(field, this.source, this.#problem)] : [];
  }

  /** Throws an Error in upstream's words when there is no value. */
  evaluate(input: Input, budget: Budget): Value {
    if (this.#program === undefined) throw new Error(`compilation error: ${this.#problem}`);
    const limit = Math.min(perCallLimit, budget.left);
    try {
      const { value, cost } = this.#program.evaluate(input, limit);
      budget.left = Math.max(0, budget.left - cost);
      return value;
    } catch (error) {
      if (error instanceof CostError) {
        budget.left -= limit;
        if (limit < perCallLimit)
          throw new Error(
            'validation failed due to running out of cost budget, no further validation rules will be run',
            { cause: error },
          );
      }
      // What a variable's expression says is said already.
      if (!(error instanceof EvaluationError)) throw error;
      throw new ExpressionError(this.source, error.message, { cause: error });
    }
  }
}

/** Exactly that: a value of which nobody knows the type yet is refused as well, as upstream does. */
function isOf(found: Type, wanted: Type): boolean {
  return wanted.kind === 'dyn' || types.typeName(found) === types.typeName(wanted);
}

function mustBe(wanted: readonly Type[], found: Type): string {
  const names = wanted.map(types.typeName);
  const what = names.length === 1 ? names[0] : `one of [${names.join(' ')}]`;
  return `must evaluate to ${what} but got ${types.typeName(found)}`;
}
