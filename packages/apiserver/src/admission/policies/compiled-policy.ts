/**
 * A ValidatingAdmissionPolicy with its expressions compiled. In: a request and a parameter. Out: the validations that do
 * not hold, and what the audit log is to be told.
 */
import type { AuditAnnotation, FieldError, ValidatingAdmissionPolicy, Validation } from '@timonier/api';
import { Environment, types } from '@timonier/cel';
import { authorizerLibrary } from '../authorizer-library.ts';
import { admissionEnvironment, MatchConditions, requestVariables } from '../conditions.ts';
import { failureOf } from '../decisions.ts';
import { Budget, Expression, type Input } from '../expression.ts';
import type { AdmissionRequest } from '../request.ts';
import { ownVariables, Variables, type VariableTypes } from './expressions.ts';

export interface Failure {
  /** Which validation it is; 0 for what concerns them all. */
  readonly index: number;
  readonly message: string;
  readonly reason: string;
}

export interface Judgement {
  readonly failures: readonly Failure[];
  /** What the audit log is told, by key. */
  readonly annotations: readonly (readonly [string, string])[];
  /** Why annotations could not be made. */
  readonly broken: readonly string[];
}

interface CompiledValidation {
  readonly validation: Validation;
  readonly program: Expression;
  readonly message: Expression | undefined;
}

interface CompiledAnnotation {
  readonly annotation: AuditAnnotation;
  readonly value: Expression;
}

const maxMessage = 5 * 1_024;
const maxAnnotation = 10 * 1_024;
const nothing: Judgement = { failures: [], annotations: [], broken: [] };

export class CompiledPolicy {
  readonly #isIgnoringFailures: boolean;
  readonly #conditions: MatchConditions;
  readonly #variables: Variables;
  readonly #validations: readonly CompiledValidation[];
  readonly #annotations: readonly CompiledAnnotation[];

  constructor({ spec }: Readonly<ValidatingAdmissionPolicy>) {
    this.#isIgnoringFailures = spec?.failurePolicy === 'Ignore';
    this.#conditions = new MatchConditions(spec?.matchConditions, { ofPolicy: true });
    const known: VariableTypes = new Map();
    const more = ownVariables(spec, known);
    const environment = admissionEnvironment(more);
    /** Nobody is to learn from a message what somebody may do. */
    const messageEnvironment = new Environment({
      variables: { ...requestVariables, ...more },
      libraries: [authorizerLibrary],
    });
    this.#variables = new Variables(environment, spec?.variables, known);
    this.#validations = (spec?.validations ?? []).map((validation) => ({
      validation,
      program: new Expression(environment, validation.expression, [types.bool]),
      message:
        validation.messageExpression === undefined
          ? undefined
          : new Expression(messageEnvironment, validation.messageExpression, [types.string]),
    }));
    this.#annotations = (spec?.auditAnnotations ?? []).map((annotation) => ({
      annotation,
      value: new Expression(environment, annotation.valueExpression, [types.string, types.nullType]),
    }));
  }

  /** What is wrong with the expressions, by the fields they stand in. */
  problems(): FieldError[] {
    const validations = this.#validations.flatMap(({ program, message }, i) => [
      ...program.problems(`spec.validations[${i}].expression`),
      ...(message?.problems(`spec.validations[${i}].messageExpression`) ?? []),
    ]);
    const annotations = this.#annotations.flatMap(({ value }, i) =>
      value.problems(`spec.auditAnnotations[${i}].valueExpression`),
    );
    return [
      ...this.#conditions.problems('spec.matchConditions'),
      ...this.#variables.problems(),
      ...validations,
      ...annotations,
    ];
  }

  /** Empty when the conditions say that the policy is not about this. */
  judge(request: AdmissionRequest, params: Readonly<object> | undefined): Judgement {
    const budget = new Budget();
    const input = this.#variables.input(request, params, budget);
    try {
      if (!this.#conditions.match(input, budget)) return nothing;
    } catch (error) {
      const message = failureOf(error);
      if (this.#isIgnoringFailures) return nothing;
      return { ...nothing, failures: [{ index: 0, message, reason: 'Invalid' }] };
    }
    const annotations: (readonly [string, string])[] = [];
    const broken: string[] = [];
    const failures = this.#validations.flatMap((validation, i) => this.#check(validation, i, input, budget));
    for (const { annotation, value } of this.#annotations) {
      try {
        const found = value.evaluate(input, budget);
        const text = typeof found === 'string' ? found.trim() : '';
        if (found !== null && typeof found !== 'string') throw new Error(wrongType(value.source));
        if (text !== '') annotations.push([annotation.key, cut(text, maxAnnotation)]);
      } catch (error) {
        const reason = failureOf(error);
        if (!this.#isIgnoringFailures) broken.push(reason);
      }
    }
    return { failures, annotations, broken };
  }

  #check(
    { validation, program, message }: CompiledValidation,
    index: number,
    input: Input,
    budget: Budget,
  ): Failure[] {
    try {
      if (program.evaluate(input, budget) === true) return [];
    } catch (error) {
      const reason = failureOf(error);
      return this.#isIgnoringFailures ? [] : [{ index, message: reason, reason: 'Invalid' }];
    }
    const text = messageOf(validation, message, input, budget);
    return [{ index, message: text, reason: validation.reason ?? 'Invalid' }];
  }
}

/** The text of a failed validation; an expression for it that fails or gives nothing useful does not count. */
function messageOf(
  { message = '', expression }: Validation,
  written: Expression | undefined,
  input: Input,
  budget: Budget,
): string {
  let text = '';
  try {
    const found = written?.evaluate(input, budget);
    if (typeof found === 'string') text = found.trim();
  } catch (error) {
    // The plain message is there for failures.
    failureOf(error);
  }
  if (text !== '' && Buffer.byteLength(text) <= maxMessage && !text.includes('\n')) return text;
  return message.trim() || `failed expression: ${expression.trim()}`;
}

function wrongType(source: string): string {
  return `valueExpression '${source}' resulted in unsupported return type. Return type must be either string or null.`;
}

function cut(text: string, maxBytes: number): string {
  return Buffer.byteLength(text) <= maxBytes
    ? text
    : new TextDecoder().decode(Buffer.from(text).subarray(0, maxBytes)).replace(/\uFFFD$/, '');
}
