/**
 * ValidatingAdmissionPolicy: rules in CEL that the cluster's objects carry, and that refuse, warn, or tell the audit log.
 * All policies that are about a request are asked before the first refusal is told, so that warnings and annotations are
 * complete.
 */
import type {
  ResourceInfo,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '@timonier/api';
import { StatusError } from '@timonier/api/statuses';
import { failureOf, whenDecided } from '../decisions.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from '../request.ts';
import { shownAs } from '../versions.ts';
import { type Bound, boundPolicies, isPolicysOwn, parametersFor } from './bindings.ts';
import { CompiledPolicy, type Failure, type Judgement } from './compiled-policy.ts';

type Policy = Readonly<ValidatingAdmissionPolicy>;
type BoundPolicy = Bound<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding>;

const kind = { policies: 'validatingadmissionpolicies', bindings: 'validatingadmissionpolicybindings' };
const failureAnnotation = 'validation.policy.admission.k8s.io/validation_failure';
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
    const bound = boundPolicies<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding>(kind, request);
    if (bound.length === 0) return undefined;
    const { info } = request.context.target;
    // Nearly everybody asks for what was sent.
    if (bound.every((one) => one.info === info)) return judgeAll(bound, request, () => request);
    return inVersions(bound, request).then((views) =>
      judgeAll(bound, request, (one) => views.get(one.info) ?? request),
    );
  },
};

/** The request as one version shows it, or why it cannot. */
type View = AdmissionRequest | Error;

async function inVersions(
  bound: readonly BoundPolicy[],
  request: AdmissionRequest,
): Promise<ReadonlyMap<ResourceInfo, View>> {
  const views = new Map<ResourceInfo, View>();
  for (const info of new Set(bound.map((one) => one.info)))
    try {
      views.set(info, await shownAs(request, info));
    } catch (error) {
      views.set(info, error instanceof Error ? error : new Error(String(error)));
    }
  return views;
}

function judgeAll(
  bound: readonly BoundPolicy[],
  request: AdmissionRequest,
  viewFor: (one: BoundPolicy) => View,
): void | Promise<void> {
  const judged = whenDecided(() => bound.map((one) => judge(one, viewFor(one))));
  return judged instanceof Promise ? judged.then((all) => settle(all, request)) : settle(judged, request);
}

interface Judged {
  readonly bound: BoundPolicy;
  readonly judgements: readonly Judgement[];
  /** Why the policy could not be asked. */
  readonly failure?: string;
  /** True when that has to do with the policy itself, whatever binds it. */
  readonly isPolicys?: boolean;
}

function judge(bound: BoundPolicy, request: View): Judged {
  if (request instanceof Error) return { bound, judgements: [], failure: request.message, isPolicys: true };
  const program = programOf(bound.policy);
  try {
    return {
      bound,
      judgements: parametersFor(bound, request).map((params) => program.judge(request, params)),
    };
  } catch (error) {
    const failure = failureOf(error);
    return { bound, judgements: [], failure, isPolicys: isPolicysOwn(failure) };
  }
}

/** Does what the bindings say, and throws the first refusal. */
function settle(all: readonly Judged[], request: AdmissionRequest): void {
  const annotations = new Map<string, Set<string>>();
  const refusals = all.flatMap((judged) => enforce(judged, request, annotations));
  for (const [key, values] of annotations) request.context.annotate?.(key, [...values].join(', '));
  if (refusals[0] !== undefined) throw refusals[0];
}

function enforce(
  { bound, judgements, failure: broken, isPolicys = false }: Judged,
  request: AdmissionRequest,
  annotations: Map<string, Set<string>>,
): StatusError[] {
  const { policy, binding } = bound;
  const names = `'${policy.metadata?.name ?? ''}' with binding '${binding.metadata?.name ?? ''}'`;
  const refuse = ({ message, reason }: Omit<Failure, 'index'>): StatusError =>
    denial(request, `ValidatingAdmissionPolicy ${names} denied request: ${message}`, reason);
  if (broken !== undefined) {
    if (policy.spec?.failurePolicy === 'Ignore') return [];
    if (isPolicys) {
      const name = policy.metadata?.name ?? '';
      const message = `ValidatingAdmissionPolicy '${name}' denied request: failed to configure policy: ${broken}`;
      return [denial(request, message, 'Invalid')];
    }
    return [refuse({ message: `failed to configure binding: ${broken}`, reason: 'Invalid' })];
  }
  const actions = binding.spec?.validationActions ?? ['Deny'];
  const refusals: StatusError[] = [];
  for (const { failures, annotations: found, broken: unmade } of judgements) {
    for (const failure of failures) {
      if (actions.includes('Warn'))
        request.context.warn?.(
          `Validation failed for ValidatingAdmissionPolicy ${names}: ${failure.message}`,
        );
      if (actions.includes('Audit'))
        request.context.annotate?.(failureAnnotation, failureText(bound, failure, actions));
      if (actions.includes('Deny')) refusals.push(refuse(failure));
    }
    for (const [key, value] of found) {
      const name = `${policy.metadata?.name ?? ''}/${key}`;
      annotations.set(name, (annotations.get(name) ?? new Set()).add(value));
    }
    refusals.push(...unmade.map((message) => refuse({ message, reason: 'Invalid' })));
  }
  return refusals;
}

/** A list of one, as upstream: a later failure of the same request is not told. */
function failureText(
  { policy, binding }: BoundPolicy,
  { index, message }: Failure,
  validationActions: readonly string[],
): string {
  return JSON.stringify([
    {
      message,
      policy: policy.metadata?.name,
      binding: binding.metadata?.name,
      expressionIndex: index,
      validationActions,
    },
  ]);
}

function programOf(policy: Policy): CompiledPolicy {
  let program = compiled.get(policy);
  if (program === undefined) compiled.set(policy, (program = new CompiledPolicy(policy)));
  return program;
}

/** 422 unless the reason of a policy says something else; in upstream's words all the same "forbidden". */
export function denial(request: AdmissionRequest, message: string, reason: string): StatusError {
  const { status } = refusal(request, message);
  const details = { ...status.details, causes: [{ message }] };
  return new StatusError({ ...status, reason, code: codes[reason] ?? 422, details });
}
