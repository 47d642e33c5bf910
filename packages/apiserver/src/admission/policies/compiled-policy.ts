/**
 * A ValidatingAdmissionPolicy with its expressions compiled. In: a request and a parameter. Out: the validations that do
 * not hold.
 */
import type { ValidatingAdmissionPolicy, Validation } from '@timonier/api';
import { type FieldError } from '@timonier/api';
import { Environment, types } from '@timonier/cel';
import { MatchConditions, requestVariables } from '../conditions.ts';
import type { AdmissionRequest } from '../request.ts';
import { type Compiled, compileIn, evaluate, type Input, problemOf, Variables } from './expressions.ts';

export interface Failure {
  readonly message: string;
  readonly reason: string;
}

interface CompiledValidation {
  readonly validation: Validation;
  readonly program: Compiled;
  readonly message: Compiled | undefined;
}

const environment = new Environment({
  variables: { ...requestVariables, params: types.dyn, variables: types.dyn },
});
const maxMessage = 5 * 1_024;

export class CompiledPolicy {
  readonly #conditions: MatchConditions;
  readonly #variables: Variables;
  readonly #validations: readonly CompiledValidation[];

  constructor({ spec }: Readonly<ValidatingAdmissionPolicy>) {
    this.#conditions = new MatchConditions(spec?.matchConditions, { ofPolicy: true });
    this.#variables = new Variables(environment, spec?.variables);
    this.#validations = (spec?.validations ?? []).map((validation) => ({
      validation,
      program: compileIn(environment, validation.expression, types.bool),
      message:
        validation.messageExpression === undefined
          ? undefined
          : compileIn(environment, validation.messageExpression),
    }));
  }

  /** What is wrong with the expressions, by the fields they stand in. */
  problems(): FieldError[] {
    const own = this.#validations.flatMap(({ validation, program, message }, i) => [
      ...problemOf(program, `spec.validations[${i}].expression`, validation.expression),
      ...problemOf(message, `spec.validations[${i}].messageExpression`, validation.messageExpression),
    ]);
    return [...this.#conditions.problems('spec.matchConditions'), ...this.#variables.problems(), ...own];
  }

  /** None when the conditions say that the policy is not about this. Throws when an expression cannot be evaluated. */
  failures(request: AdmissionRequest, params: Readonly<object> | undefined): Failure[] {
    const input = this.#variables.input(request, params);
    if (!this.#conditions.match(input)) return [];
    return this.#validations.flatMap(({ validation, program, message }) => {
      if (evaluate(program, input) === true) return [];
      return [{ message: textOf(validation, message, input), reason: validation.reason ?? 'Invalid' }];
    });
  }
}

/** The text of a failed validation; an expression for it that fails or gives nothing useful does not count. */
function textOf({ message, expression }: Validation, written: Compiled | undefined, input: Input): string {
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
