/** ValidatingAdmissionPolicy: rules in CEL that the cluster's objects carry, and that refuse or warn. */
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '@timonier/api';
import { StatusError } from '@timonier/api/statuses';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from '../request.ts';
import { type Bound, boundPolicies, parametersFor } from './bindings.ts';
import { CompiledPolicy, type Failure } from './compiled-policy.ts';

type Policy = Readonly<ValidatingAdmissionPolicy>;
type BoundPolicy = Bound<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding>;

const kind = { policies: 'validatingadmissionpolicies', bindings: 'validatingadmissionpolicybindings' };
const compiled = new WeakMap<Policy, CompiledPolicy>();
const codes: Readonly<Record<string, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  RequestEntityTooLarge: 413,
  Invalid: 422,
};

export const validatingAdmissionPolicy: AdmissionPlugin = {
  name: 'ValidatingAdmissionPolicy',
  operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
  validate(request) {
    for (const bound of boundPolicies<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding>(
      kind,
      request,
    ))
      enforce(bound, request);
  },
};

function enforce(bound: BoundPolicy, request: AdmissionRequest): void {
  const { policy, binding } = bound;
  let failures: readonly Failure[];
  try {
    failures = judge(bound, request);
  } catch (error) {
    if (policy.spec?.failurePolicy === 'Ignore') return;
    failures = [{ message: error instanceof Error ? error.message : String(error), reason: 'Invalid' }];
  }
  const actions = binding.spec?.validationActions ?? ['Deny'];
  const names = `'${policy.metadata?.name ?? ''}' with binding '${binding.metadata?.name ?? ''}'`;
  for (const { message, reason } of failures) {
    if (actions.includes('Warn'))
      request.context.warn?.(`Validation failed for ValidatingAdmissionPolicy ${names}: ${message}`);
    if (actions.includes('Deny'))
      throw denial(request, `ValidatingAdmissionPolicy ${names} denied request: ${message}`, reason);
  }
}

function judge(bound: BoundPolicy, request: AdmissionRequest): Failure[] {
  const { policy } = bound;
  let program = compiled.get(policy);
  if (program === undefined) compiled.set(policy, (program = new CompiledPolicy(policy)));
  return parametersFor(bound, request).flatMap((params) => program.failures(request, params));
}

/** 422 unless the reason of a policy says something else; in upstream's words all the same "forbidden". */
export function denial(request: AdmissionRequest, message: string, reason: string): StatusError {
  const { status } = refusal(request, message);
  const details = { ...status.details, causes: [{ message }] };
  return new StatusError({ ...status, reason, code: codes[reason] ?? 422, details });
}
