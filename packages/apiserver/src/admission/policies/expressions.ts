/** Expressions of policies: compiled once, and the variables that they share, evaluated when one first asks. */
import type { Variable } from '@timonier/api';
import { type FieldError, fieldErrors } from '@timonier/api';
import {
  CompileError,
  type Environment,
  fromJson,
  Mapping,
  type Program,
  type Type,
  type Value,
} from '@timonier/cel';
import { inputOf } from '../conditions.ts';
import type { AdmissionRequest } from '../request.ts';

export type Compiled = Program | CompileError;
export type Input = (name: string) => Value | undefined;

export function compileIn(environment: Environment, expression: string, wanted?: Type): Compiled {
  try {
    return environment.compile(expression, wanted);
  } catch (error) {
    if (error instanceof CompileError) return error;
    throw error;
  }
}

/** Throws when the expression did not compile or cannot be evaluated. */
export function evaluate(program: Compiled, input: Input): Value {
  if (program instanceof CompileError) throw program;
  return program.evaluate(input).value;
}

/** What is wrong with an expression, by the field it stands in. */
export function problemOf(
  program: Compiled | undefined,
  field: string,
  source: string | undefined,
): FieldError[] {
  return program instanceof CompileError
    ? [fieldErrors.invalid(field, source, `compilation failed: ${program.message}`)]
    : [];
}

export class Variables {
  readonly #sources: readonly Variable[];
  readonly #programs: ReadonlyMap<string, Compiled>;

  constructor(environment: Environment, sources: readonly Variable[] = []) {
    this.#sources = sources;
    this.#programs = new Map(
      sources.map(({ name, expression }) => [name, compileIn(environment, expression)]),
    );
  }

  problems(): FieldError[] {
    return this.#sources.flatMap(({ name, expression }, i) =>
      problemOf(this.#programs.get(name), `spec.variables[${i}].expression`, expression),
    );
  }

  /** What expressions of a policy read: the request, `params` and `variables`. */
  input(request: AdmissionRequest, params: Readonly<object> | undefined): Input {
    const outer = inputOf(request);
    const parameter = fromJson(params ?? null);
    const input: Input = (name) => {
      if (name === 'params') return parameter;
      return name === 'variables' ? variables : outer(name);
    };
    const variables = new LazyVariables(this.#programs, (program) => evaluate(program, input));
    return input;
  }
}

/** `variables.NAME`: a variable may use those before it, and an unused one costs nothing. */
class LazyVariables extends Mapping {
  readonly #programs: ReadonlyMap<string, Compiled>;
  readonly #evaluate: (program: Compiled) => Value;
  readonly #values = new Map<string, Value>();

  constructor(programs: ReadonlyMap<string, Compiled>, evaluateOne: (program: Compiled) => Value) {
    super();
    this.#programs = programs;
    this.#evaluate = evaluateOne;
  }

  get size(): number {
    return this.#programs.size;
  }

  get(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined;
    const program = this.#programs.get(key);
    if (program === undefined) return undefined;
    let value = this.#values.get(key);
    if (value === undefined) this.#values.set(key, (value = this.#evaluate(program)));
    return value;
  }

  *keys(): Generator<Value> {
    yield* this.#programs.keys();
  }
}
