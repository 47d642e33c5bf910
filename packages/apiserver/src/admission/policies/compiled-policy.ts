/**
 * A ValidatingAdmissionPolicy with its expressions compiled. In: a request and a parameter. Out: the validations that do
 * not hold. Variables are evaluated when an expression first asks for them, and once.
 */
import type { ValidatingAdmissionPolicy, Validation, Variable } from '@timonier/api';
import { type FieldError, fieldErrors } from '@timonier/api';
import { CompileError, Environment, fromJson, Mapping, type Program, types, type Value } from '@timonier/cel';
import { inputOf, MatchConditions, requestVariables } from '../conditions.ts';
import type { AdmissionRequest } from '../request.ts';

export interface Failure {
  readonly message: string;
  readonly reason: string;
}

interface CompiledValidation {
  readonly validation: Validation;
  readonly program: Program | CompileError;
  readonly message: Program | CompileError | undefined;
}

const environment = new Environment({
  variables: { ...requestVariables, params: types.dyn, variables: types.dyn },
});
const maxMessage = 5 * 1_024;

export class CompiledPolicy {
  readonly conditions: MatchConditions;
  readonly #sources: readonly Variable[];
  readonly #variables: ReadonlyMap<string, Program | CompileError>;
  readonly #validations: readonly CompiledValidation[];

  constructor({ spec }: Readonly<ValidatingAdmissionPolicy>) {
    this.#sources = spec?.variables ?? [];
    this.conditions = new MatchConditions(spec?.matchConditions);
    this.#variables = new Map(this.#sources.map(({ name, expression }) => [name, compiled(expression)]));
    this.#validations = (spec?.validations ?? []).map((validation) => ({
      validation,
      program: compiled(validation.expression, true),
      message:
        validation.messageExpression === undefined ? undefined : compiled(validation.messageExpression),
    }));
  }

  /** What is wrong with the expressions, by the fields they stand in. */
  problems(): FieldError[] {
    const found: FieldError[] = [];
    const check = (
      program: Program | CompileError | undefined,
      field: string,
      source: string | undefined,
    ): void => {
      if (program instanceof CompileError)
        found.push(fieldErrors.invalid(field, source, `compilation failed: ${program.message}`));
    };
    for (const [i, { name, expression }] of this.#sources.entries())
      check(this.#variables.get(name), `spec.variables[${i}].expression`, expression);
    for (const [i, { validation, program, message }] of this.#validations.entries()) {
      check(program, `spec.validations[${i}].expression`, validation.expression);
      check(message, `spec.validations[${i}].messageExpression`, validation.messageExpression);
    }
    return found;
  }

  /** Throws when an expression cannot be evaluated. */
  failures(request: AdmissionRequest, params: Readonly<object> | undefined): Failure[] {
    const outer = inputOf(request);
    const parameter = fromJson(params ?? null);
    const input = (name: string): Value | undefined => {
      if (name === 'params') return parameter;
      return name === 'variables' ? variables : outer(name);
    };
    const variables = new LazyVariables(this.#variables, (program) => evaluate(program, input));
    return this.#validations.flatMap(({ validation, program, message }) => {
      if (evaluate(program, input) === true) return [];
      return [{ message: textOf(validation, message, input), reason: validation.reason ?? 'Invalid' }];
    });
  }
}

/** `variables.NAME`: a variable may use those before it, and an unused one costs nothing. */
class LazyVariables extends Mapping {
  readonly #programs: ReadonlyMap<string, Program | CompileError>;
  readonly #evaluate: (program: Program | CompileError) => Value;
  readonly #values = new Map<string, Value>();

  constructor(
    programs: ReadonlyMap<string, Program | CompileError>,
    evaluateOne: (program: Program | CompileError) => Value,
  ) {
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

function compiled(expression: string, isTruth = false): Program | CompileError {
  try {
    return isTruth ? environment.compile(expression, types.bool) : environment.compile(expression);
  } catch (error) {
    if (error instanceof CompileError) return error;
    throw error;
  }
}

function evaluate(program: Program | CompileError, input: (name: string) => Value | undefined): Value {
  if (program instanceof CompileError) throw program;
  return program.evaluate(input).value;
}

/** The text of a failed validation; an expression for it that fails or gives nothing useful does not count. */
function textOf(
  { message, expression }: Validation,
  written: Program | CompileError | undefined,
  input: (name: string) => Value | undefined,
): string {
  if (written !== undefined) {
    try {
      const text = evaluate(written, input);
      if (typeof text === 'string' && text.trim() !== '' && text.length <= maxMessage && !text.includes('\n'))
        return text;
    } catch {
      // The plain message is there for this.
    }
  }
  return message !== undefined && message !== '' ? message : `failed expression: ${expression.trim()}`;
}
