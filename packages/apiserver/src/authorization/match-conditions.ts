/**
 * Which questions an authorization webhook is asked at all: expressions of CEL over the SubjectAccessReview's `spec` as
 * `request`, compiled once. Source: "Authorization Configuration" of the Kubernetes documentation.
 */
import { CompileError, Environment, fromJson, type Program, types } from '@timonier/cel';

function object(name: string, fields: Readonly<Record<string, types.Type>>): types.ObjectType {
  return {
    kind: 'object',
    name,
    fields: new Map(Object.entries(fields).map(([jsonName, type]) => [jsonName, { jsonName, type }])),
  };
}

const { string, list } = types;
const requirement = object('kubernetes.SelectorRequirement', {
  key: string,
  operator: string,
  values: list(string),
});
const selector = object('kubernetes.SelectorAttributes', {
  rawSelector: string,
  requirements: list(requirement),
});
const requestType = object('kubernetes.SubjectAccessReviewSpec', {
  user: string,
  groups: list(string),
  extra: types.map(string, list(string)),
  uid: string,
  resourceAttributes: object('kubernetes.ResourceAttributes', {
    namespace: string,
    verb: string,
    group: string,
    version: string,
    resource: string,
    subresource: string,
    name: string,
    fieldSelector: selector,
    labelSelector: selector,
  }),
  nonResourceAttributes: object('kubernetes.NonResourceAttributes', { path: string, verb: string }),
});
const environment = new Environment({ variables: { request: requestType } });

export class WebhookConditions {
  readonly #programs: readonly Program[];

  /** Throws with the place below `at` of an expression that does not compile. */
  constructor(expressions: readonly string[], at: string) {
    this.#programs = expressions.map((expression, i) => {
      const where = `${at}[${i}].expression`;
      if (expression.trim() === '') throw new Error(`${where}: Required value`);
      if (expressions.indexOf(expression) < i)
        throw new Error(`${where}: Duplicate value: ${JSON.stringify(expression)}`);
      try {
        return environment.compile(expression, types.bool);
      } catch (error) {
        if (!(error instanceof CompileError)) throw error;
        throw new Error(`${where}: Invalid value: ${JSON.stringify(expression)}: ${error.problem}`, {
          cause: error,
        });
      }
    });
  }

  /** Whether all hold for a review's `spec`. One that is false decides; otherwise a failure is thrown. */
  match(spec: object): boolean {
    if (this.#programs.length === 0) return true;
    const request = fromJson(spec, requestType);
    let failure: unknown;
    for (const program of this.#programs) {
      try {
        if (program.evaluate((name) => (name === 'request' ? request : undefined)).value !== true)
          return false;
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return true;
  }
}
