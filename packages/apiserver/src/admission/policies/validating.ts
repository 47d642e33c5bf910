/**
 * ValidatingAdmissionPolicy: rules in CEL that the cluster's objects carry. A policy does nothing by itself; each of its
 * bindings says for what it counts, with which parameter, and whether a failure refuses or warns.
 */
import {
  type NamedRuleWithOperations,
  type ParamRef,
  selectorMatches,
  type ValidatingAdmissionPolicy,
  type ValidatingAdmissionPolicyBinding,
} from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import { invalidStatus } from '@timonier/api/validation';
import { cachedObject, cachedObjects } from '../cached.ts';
import { inputOf } from '../conditions.ts';
import { ruleMatches, selectorsMatch } from '../matching.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from '../request.ts';
import { CompiledPolicy, type Failure } from './compiled-policy.ts';

type Policy = Readonly<ValidatingAdmissionPolicy>;
type Binding = Readonly<ValidatingAdmissionPolicyBinding>;

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
    const { server, target } = request.context;
    const { group, resource } = target.info;
    if (group === 'admissionregistration.k8s.io') {
      if (resource === 'validatingadmissionpolicies' && request.object !== undefined)
        checkExpressions(request);
      return;
    }
    const prefix = 'validatingadmissionpolicybindings';
    if (server.cache.resource(prefix).index.size === 0) return;
    for (const binding of cachedObjects<ValidatingAdmissionPolicyBinding>(server, prefix))
      enforce(binding, request);
  },
};

function checkExpressions({ object, context }: AdmissionRequest): void {
  const policy = object as ValidatingAdmissionPolicy;
  const problems = new CompiledPolicy(policy).problems();
  if (problems.length > 0)
    throw new StatusError(invalidStatus(context.target.info, policy.metadata?.name ?? '', problems));
}

function enforce(binding: Binding, request: AdmissionRequest): void {
  const { server } = request.context;
  const policyName = binding.spec?.policyName ?? '';
  const matchResources = binding.spec?.matchResources;
  const policy = cachedObject<ValidatingAdmissionPolicy>(
    server,
    'validatingadmissionpolicies',
    '',
    policyName,
  );
  if (policy === undefined || !isAbout(policy.spec?.matchConstraints, request)) return;
  if (matchResources !== undefined && !isAbout(matchResources, request, true)) return;
  let failures: readonly Failure[];
  try {
    failures = judge(policy, binding, request);
  } catch (error) {
    if (policy.spec?.failurePolicy === 'Ignore') return;
    failures = [{ message: error instanceof Error ? error.message : String(error), reason: 'Invalid' }];
  }
  const actions = binding.spec?.validationActions ?? ['Deny'];
  const names = `'${policyName}' with binding '${binding.metadata?.name ?? ''}'`;
  for (const { message, reason } of failures) {
    if (actions.includes('Warn'))
      request.context.warn?.(`Validation failed for ValidatingAdmissionPolicy ${names}: ${message}`);
    if (actions.includes('Deny'))
      throw denial(request, `ValidatingAdmissionPolicy ${names} denied request: ${message}`, reason);
  }
}

function judge(policy: Policy, binding: Binding, request: AdmissionRequest): Failure[] {
  let program = compiled.get(policy);
  if (program === undefined) compiled.set(policy, (program = new CompiledPolicy(policy)));
  if (!program.conditions.match(inputOf(request))) return [];
  const { paramKind } = policy.spec ?? {};
  const reference = binding.spec?.paramRef;
  if (paramKind === undefined || reference === undefined) return program.failures(request, undefined);
  const found = parametersOf(paramKind.apiVersion ?? '', paramKind.kind ?? '', reference, request);
  if (found.length === 0) {
    if (reference.parameterNotFoundAction === 'Allow') return [];
    throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction');
  }
  return found.flatMap((params) => program.failures(request, params));
}

/** The objects that a binding names as parameters: one by name, or all that a selector takes. */
function parametersOf(
  apiVersion: string,
  kind: string,
  { name, namespace, selector }: ParamRef,
  request: AdmissionRequest,
): readonly Readonly<ApiObject>[] {
  const { server, target } = request.context;
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  const info = server.registry.byKind(group, version, kind);
  if (info?.storagePrefix === undefined)
    throw new Error(`failed to find resource referenced by paramKind: '${apiVersion}, Kind=${kind}'`);
  const place = info.namespaced ? (namespace ?? target.namespace) : '';
  if (name !== undefined && name !== '') {
    const found = cachedObject<ApiObject>(server, info.storagePrefix, place, name);
    return found === undefined ? [] : [found];
  }
  return cachedObjects<ApiObject>(server, info.storagePrefix, place).filter(({ metadata }) =>
    selectorMatches(selector, metadata?.labels ?? {}),
  );
}

interface Resources {
  readonly resourceRules?: readonly NamedRuleWithOperations[];
  readonly excludeResourceRules?: readonly NamedRuleWithOperations[];
  readonly matchPolicy?: string;
}

/** `isNarrowing`: without rules of its own it takes what the policy takes. */
function isAbout(
  resources: (Resources & Parameters<typeof selectorsMatch>[0]) | undefined,
  request: AdmissionRequest,
  isNarrowing = false,
): boolean {
  if (resources === undefined) return false;
  const { resourceRules = [], excludeResourceRules = [], matchPolicy } = resources;
  const takes = (rule: NamedRuleWithOperations): boolean => ruleMatches(rule, request, matchPolicy);
  const isTaken = isNarrowing && resourceRules.length === 0 ? true : resourceRules.some(takes);
  return isTaken && !excludeResourceRules.some(takes) && selectorsMatch(resources, request);
}

function denial(request: AdmissionRequest, message: string, reason: string): StatusError {
  const { status } = refusal(request, message);
  const details = { ...status.details, causes: [{ message }] };
  return new StatusError({ ...status, reason, code: codes[reason] ?? 422, details });
}
