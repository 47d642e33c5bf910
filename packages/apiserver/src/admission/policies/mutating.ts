/** MutatingAdmissionPolicy: changes in CEL that the cluster's objects carry. */
import type { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import { sameTree } from '../../storage/copy.ts';
import { failureOf, whenDecided } from '../decisions.ts';
import { type Invocation, invoke } from '../reinvocation.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../request.ts';
import { asSent, shownAs } from '../versions.ts';
import { type Bound, boundPolicies, parametersFor } from './bindings.ts';
import { Mutations } from './mutations.ts';
import { denial } from './validating.ts';

type BoundPolicy = Bound<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding>;

const kind = { policies: 'mutatingadmissionpolicies', bindings: 'mutatingadmissionpolicybindings' };
const compiled = new WeakMap<Readonly<MutatingAdmissionPolicy>, Mutations>();

export const mutatingAdmissionPolicy: AdmissionPlugin = {
  name: 'MutatingAdmissionPolicy',
  operations: ['CREATE', 'UPDATE', 'CONNECT'],
  admit(request) {
    const bound = boundPolicies<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding>(kind, request);
    if (bound.length === 0) return undefined;
    return invoke(
      mutatingAdmissionPolicy,
      bound.flatMap((one) => invocationsOf(one, request)),
      request,
    );
  },
};

function invocationsOf(bound: BoundPolicy, request: AdmissionRequest): Invocation[] {
  const { policy, binding } = bound;
  let params: readonly (Readonly<ApiObject> | undefined)[];
  try {
    params = parametersFor(bound, request);
  } catch (error) {
    const why = `failed to configure binding: ${failureOf(error)}`;
    fail(bound, request, new Error(why, { cause: error }), 'Forbidden');
    return [];
  }
  return params.map((param): Invocation => ({
    key: `${binding.metadata?.name} ${param?.metadata?.namespace ?? ''}/${param?.metadata?.name ?? ''}`,
    reinvocationPolicy: policy.spec?.reinvocationPolicy,
    run: () =>
      bound.info === request.context.target.info
        ? applyTo(request, bound, param)
        : applyInVersion(request, bound, param),
  }));
}

function applyTo(
  request: AdmissionRequest,
  bound: BoundPolicy,
  param: Readonly<ApiObject> | undefined,
): boolean | Promise<boolean> {
  const before = request.object;
  return whenDecided(() => {
    request.object = before;
    try {
      return programOf(bound.policy).apply(request, param);
    } catch (error) {
      request.object = before;
      fail(bound, request, error, 'Invalid');
      return true;
    }
  });
}

/** The same on the object as another version shows it. */
async function applyInVersion(
  request: AdmissionRequest,
  bound: BoundPolicy,
  param: Readonly<ApiObject> | undefined,
): Promise<boolean> {
  let view: AdmissionRequest;
  try {
    view = await shownAs(request, bound.info);
  } catch (error) {
    const why = `failed to configure policy: ${failureOf(error)}`;
    fail(bound, request, new Error(why, { cause: error }), 'Invalid');
    return true;
  }
  const before = view.object;
  const isAbout = await applyTo(view, bound, param);
  if (!sameTree(before, view.object)) request.object = await asSent(view, view.object);
  return isAbout;
}

function programOf(policy: Readonly<MutatingAdmissionPolicy>): Mutations {
  let program = compiled.get(policy);
  if (program === undefined) compiled.set(policy, (program = new Mutations(policy)));
  return program;
}

/** Refuses the request, unless the policy says that its failures do not matter. */
function fail(
  { policy, binding }: BoundPolicy,
  request: AdmissionRequest,
  error: unknown,
  reason: 'Forbidden' | 'Invalid',
): void {
  const why = failureOf(error);
  // What is no object any more is nobody's policy.
  if (error instanceof StatusError) throw error;
  if (policy.spec?.failurePolicy === 'Ignore') return;
  const names = `'${policy.metadata?.name ?? ''}' with binding '${binding.metadata?.name ?? ''}'`;
  const message = `policy ${names} denied request: ${why}`;
  throw new StatusError({ ...denial(request, message, reason).status, message, code: 403 });
}
