/**
 * A MutatingAdmissionPolicy with its expressions compiled. In: an object and a parameter. Out: the object as the policy's
 * mutations leave it, each working on what the one before left.
 *
 * `ApplyConfiguration` constructs `Object{…}` with types that are named after the place they are for (`Object.spec`);
 * what it sets is merged by the structure of the kind. It may not set what merges as one piece, since that would drop
 * what others put there. `JSONPatch` makes a list of `JSONPatch{…}`; a failed `test` leaves the object as it is.
 */
import {
  apiVersionOf,
  applyJsonPatch,
  type FieldError,
  type JsonObject,
  mergeApplied,
  type MutatingAdmissionPolicy,
  type Mutation,
  PatchError,
  wholeReplacements,
} from '@timonier/api';
import { internalError, StatusError } from '@timonier/api/statuses';
import { type ApiObject, decodeAs, decodeStrict, NotDecodable } from '@timonier/api/decode';
import { applyDefaults } from '@timonier/api/defaults';
import {
  Environment,
  globalFunction,
  List,
  Mapping,
  type ObjectType,
  ObjectValue,
  toJson,
  type Type,
  types,
  type Value,
} from '@timonier/cel';
import { authorizerLibrary } from '../authorizer-library.ts';
import { authorizerVariables, MatchConditions, requestVariables } from '../conditions.ts';
import { failureOf } from '../decisions.ts';
import { Budget, Expression } from '../expression.ts';
import { appliedProblems, listed } from '../../verbs/applied-type.ts';
import { type AdmissionRequest } from '../request.ts';
import { shownInfo } from '../versions.ts';
import { ownVariables, Variables, variablesType, type VariableTypes } from './expressions.ts';

const rootName = 'Object';
const jsonPatchType: ObjectType = {
  kind: 'object',
  name: 'JSONPatch',
  fields: new Map(
    Object.entries({ op: types.string, path: types.string, from: types.string, value: types.dyn }).map(
      ([jsonName, type]) => [jsonName, { type, jsonName }],
    ),
  ),
};
const objectType: Type = { kind: 'object', name: rootName, fields: new Map() };

const environmentWith = (more: Readonly<Record<string, Type>>): Environment =>
  new Environment({
    variables: { ...requestVariables, ...authorizerVariables, ...more },
    objects: (name): ObjectType | undefined => {
      if (name === jsonPatchType.name) return jsonPatchType;
      if (name !== rootName && !name.startsWith(`${rootName}.`)) return undefined;
      return { kind: 'object', name, fields: new Map(), isOpen: true };
    },
    libraries: [
      authorizerLibrary,
      {
        'jsonpatch.escapeKey': [
          globalFunction([types.string], types.string, (key: string) =>
            key.replaceAll('~', '~0').replaceAll('/', '~1'),
          ),
        ],
      },
    ],
  });

interface CompiledMutation {
  readonly isPatch: boolean;
  readonly field: string;
  readonly program: Expression;
}

export class Mutations {
  readonly #isIgnoringFailures: boolean;
  readonly #conditions: MatchConditions;
  readonly #variables: Variables;
  readonly #mutations: readonly CompiledMutation[];

  constructor({ spec }: Readonly<MutatingAdmissionPolicy>) {
    this.#conditions = new MatchConditions(spec?.matchConditions, { ofPolicy: true });
    const known: VariableTypes = new Map();
    const environment = environmentWith({ variables: variablesType(known), ...ownVariables(spec, known) });
    this.#isIgnoringFailures = spec?.failurePolicy === 'Ignore';
    this.#variables = new Variables(environment, spec?.variables, known);
    this.#mutations = (spec?.mutations ?? []).map((mutation) => compiledMutation(environment, mutation));
  }

  /** What is wrong with the expressions, by the fields they stand in. */
  problems(): FieldError[] {
    const own = this.#mutations.flatMap(({ program, field }, i) =>
      program.problems(`spec.mutations[${i}].${field}.expression`),
    );
    return [...this.#conditions.problems('spec.matchConditions'), ...this.#variables.problems(), ...own];
  }

  /** Changes the request's object. False when the policy is not about it. Throws when that cannot be done. */
  apply(request: AdmissionRequest, params: Readonly<object> | undefined): boolean {
    const budget = new Budget();
    if (!this.#conditions.match(this.#variables.input(request, params, budget), budget)) return false;
    let failure: unknown;
    for (const mutation of this.#mutations) {
      if (request.object === undefined) return true;
      try {
        const value = mutation.program.evaluate(this.#variables.input(request, params, budget), budget);
        request.object = completed(
          request,
          mutation.isPatch ? patched(request.object, value) : merged(request, request.object, value),
          mutation.isPatch,
        );
      } catch (error) {
        failureOf(error);
        // What is no object any more is told whatever the policy says of its failures.
        if (!this.#isIgnoringFailures || error instanceof StatusError) failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return true;
  }
}

function compiledMutation(
  environment: Environment,
  { patchType, applyConfiguration, jsonPatch }: Mutation,
): CompiledMutation {
  const isPatch = patchType === 'JSONPatch';
  const source = (isPatch ? jsonPatch : applyConfiguration)?.expression ?? '';
  const wanted = isPatch ? types.list(jsonPatchType) : objectType;
  return {
    isPatch,
    field: isPatch ? 'jsonPatch' : 'applyConfiguration',
    program: new Expression(environment, source, [wanted]),
  };
}

/** Throws 500 for what is no object of its kind any more; a patch must not set what is no field of it either. */
function completed(request: AdmissionRequest, made: JsonObject, isPatched: boolean): ApiObject {
  const { as } = request;
  const info = shownInfo(request);
  try {
    const { object, problems } =
      as === undefined
        ? decodeStrict(info, made)
        : decodeAs(as.schema, { apiVersion: apiVersionOf(as), kind: as.kind }, made);
    if (isPatched && problems.length > 0)
      throw new StatusError(internalError(`strict decoding error: ${problems.join(', ')}`));
    return as === undefined ? applyDefaults(info, object) : object;
  } catch (error) {
    if (!(error instanceof NotDecodable)) throw error;
    throw new StatusError(internalError(error.why));
  }
}

function patched(object: ApiObject, value: Value): JsonObject {
  if (!(value instanceof List)) throw new Error('a JSONPatch expression must give a list');
  try {
    return applyJsonPatch(object as JsonObject, toJson(value));
  } catch (error) {
    // A patch that does not fit says so by a test, and then is not for this object.
    if (error instanceof PatchError && error.isFailedTest) return object as JsonObject;
    const reason = error instanceof PatchError ? error.detail : String(error);
    throw new Error(`JSON Patch: ${reason}`, { cause: error });
  }
}

function merged(request: AdmissionRequest, object: ApiObject, value: Value): JsonObject {
  if (!(value instanceof ObjectValue))
    throw new Error('an ApplyConfiguration expression must give an Object');
  checkTypeNames(value, rootName);
  const { as } = request;
  const info = shownInfo(request);
  const schema = as?.schema ?? info.schema;
  // What an expression constructed has the shape of JSON.
  const config = toJson(value) as JsonObject;
  const problems = appliedProblems(as === undefined ? info : { schema }, config);
  if (problems.length > 0)
    throw new Error(
      `error applying patch: failed to convert patch object to typed object: ${listed(problems)}`,
    );
  const whole = wholeReplacements(config, schema);
  if (whole.length > 0)
    throw new Error(
      `error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${whole.join(', ')}`,
    );
  return mergeApplied(object as JsonObject, config, schema) as JsonObject;
}

/** The type of each constructed object must be named after its place; items of lists and maps have their list's. */
function checkTypeNames(value: Value, place: string): void {
  if (value instanceof ObjectValue) {
    if (value.typeName !== place)
      throw new Error(
        `type mismatch: unexpected type name "${value.typeName}", expected "${place}", which matches field path`,
      );
    for (const key of value.keys())
      if (typeof key === 'string') checkTypeNames(value.get(key) ?? null, `${place}.${key}`);
  } else if (value instanceof List) for (const item of value) checkTypeNames(item, place);
  else if (value instanceof Mapping)
    for (const key of value.keys()) checkTypeNames(value.get(key) ?? null, place);
}
