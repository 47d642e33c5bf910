/**
 * CEL in admission: `matchConditions`, which say whether a webhook or a policy is about a request at all. They are
 * compiled once per object that has them and are bounded in cost like everything that CEL does here.
 */
import type { FieldError, MatchCondition } from '@timonier/api';
import { Environment, fromJson, type Type, types, type Value } from '@timonier/cel';
import { attributesOf, withType } from './attributes.ts';
import {
  authorizerLibrary,
  authorizerOf,
  authorizerType,
  requestResourceOf,
  resourceCheckType,
} from './authorizer-library.ts';
import { failureOf } from './decisions.ts';
import { Budget, Expression, type Input } from './expression.ts';
import { namespaceOf } from './namespace.ts';
import type { AdmissionRequest } from './request.ts';

export const requestVariables: Readonly<Record<string, Type>> = {
  object: types.dyn,
  oldObject: types.dyn,
  request: types.dyn,
  namespaceObject: types.dyn,
};
export const authorizerVariables: Readonly<Record<string, Type>> = {
  authorizer: authorizerType,
  'authorizer.requestResource': resourceCheckType,
};

/** An environment in which expressions may ask what else the user may do. */
export function admissionEnvironment(variables: Readonly<Record<string, Type>>): Environment {
  return new Environment({
    variables: { ...requestVariables, ...authorizerVariables, ...variables },
    libraries: [authorizerLibrary],
  });
}

const environment = admissionEnvironment({});
/** Policies' conditions know their parameters beside. */
const withParams = admissionEnvironment({ params: types.dyn });

/** What expressions read of a request; each part is made when it is first asked for. */
export function inputOf(request: AdmissionRequest): Input {
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
        return fromJson(namespaceOf(request.context) ?? null);
      case 'authorizer':
        return authorizerOf(request);
      case 'authorizer.requestResource':
        return requestResourceOf(request);
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
  readonly #conditions: readonly Expression[];

  constructor(conditions: readonly MatchCondition[] = [], { ofPolicy = false } = {}) {
    const where = ofPolicy ? withParams : environment;
    this.#conditions = conditions.map(({ expression }) => new Expression(where, expression, [types.bool]));
  }

  /** What is wrong with the conditions at a path, by the fields they stand in. */
  problems(path: string): FieldError[] {
    return this.#conditions.flatMap((condition, i) => condition.problems(`${path}[${i}].expression`));
  }

  /**
   * Whether all conditions hold. One that is false decides, whatever fails beside it; otherwise a failure is thrown, and
   * the failure policy of whoever asked says what it means.
   */
  match(input: Input, budget = new Budget()): boolean {
    const failures: string[] = [];
    for (const condition of this.#conditions) {
      try {
        if (condition.evaluate(input, budget) !== true) return false;
      } catch (error) {
        failures.push(failureOf(error));
      }
    }
    const [first, ...more] = failures;
    if (first !== undefined) throw new Error(more.length === 0 ? first : `[${failures.join(', ')}]`);
    return true;
  }
}
