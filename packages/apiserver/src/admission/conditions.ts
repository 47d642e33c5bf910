/**
 * CEL in admission: `matchConditions`, which say whether a webhook or a policy is about a request at all. They are
 * compiled once per object that has them and are bounded in cost like everything that CEL does here.
 */
import { type FieldError, fieldErrors, type MatchCondition } from '@timonier/api';
import {
  CompileError,
  Environment,
  fromJson,
  type Program,
  type Type,
  types,
  type Value,
} from '@timonier/cel';
import { attributesOf, withType } from './attributes.ts';
import { namespaceOf } from './matching.ts';
import type { AdmissionRequest } from './request.ts';

export const requestVariables: Readonly<Record<string, Type>> = {
  object: types.dyn,
  oldObject: types.dyn,
  request: types.dyn,
  namespaceObject: types.dyn,
};

const environment = new Environment({ variables: requestVariables });
/** Policies' conditions know their parameters beside. */
const withParams = new Environment({ variables: { ...requestVariables, params: types.dyn } });

/** What expressions read of a request; each part is made when it is first asked for. */
export function inputOf(request: AdmissionRequest): (name: string) => Value | undefined {
  const made = new Map<string, Value>();
  const make = (name: string): Value | undefined => {
    switch (name) {
      case 'object':
        return fromJson(withType(request.object, request));
      case 'oldObject':
        return fromJson(withType(request.old, request));
      case 'request':
        return fromJson(attributesOf(request));
      case 'namespaceObject':
        return fromJson(namespaceOf(request) ?? null);
      default:
        return undefined;
    }
  };
  return (name) => {
    if (!made.has(name)) {
      const value = make(name);
      if (value === undefined) return undefined;
      made.set(name, value);
    }
    return made.get(name);
  };
}

export class MatchConditions {
  readonly #conditions: readonly (MatchCondition & { readonly program: Program | Error })[];

  constructor(conditions: readonly MatchCondition[] = [], { ofPolicy = false } = {}) {
    const where = ofPolicy ? withParams : environment;
    this.#conditions = conditions.map(({ name, expression }) => ({
      name,
      expression,
      program: compiled(where, expression),
    }));
  }

  /** What is wrong with the conditions at a path, by the fields they stand in. */
  problems(path: string): FieldError[] {
    return this.#conditions.flatMap(({ expression, program }, i) =>
      program instanceof Error
        ? [
            fieldErrors.invalid(
              `${path}[${i}].expression`,
              expression,
              `compilation failed: ${program.message}`,
            ),
          ]
        : [],
    );
  }

  /**
   * Whether all conditions hold. One that is false decides, whatever fails beside it; otherwise a failure is thrown, and
   * the failure policy of whoever asked says what it means.
   */
  match(input: (name: string) => Value | undefined): boolean {
    let failure: Error | undefined;
    for (const { name, program } of this.#conditions) {
      try {
        if (program instanceof Error) throw program;
        if (program.evaluate(input).value !== true) return false;
      } catch (error) {
        failure ??= new Error(
          `match condition ${name}: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
    if (failure !== undefined) throw failure;
    return true;
  }
}

function compiled(where: Environment, expression: string): Program | Error {
  try {
    return where.compile(expression, types.bool);
  } catch (error) {
    if (error instanceof CompileError) return error;
    throw error;
  }
}
