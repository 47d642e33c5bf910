/** The rules of admission webhooks and policies. Whether an expression compiles is for those who run it. */
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  RuleWithOperations,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../generated/types.ts';
import { checkDns1123Subdomain } from '../names.ts';
import { checkName, labelSelector, oneOf } from './checks.ts';
import { duplicate, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { rules, type Rules } from './rules.ts';

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];

function operationRule(rule: RuleWithOperations, at: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['operations', 'apiGroups', 'apiVersions', 'resources'] as const)
    if ((rule[field] ?? []).length === 0) errors.push(required(`${at}.${field}`));
  for (const [i, operation] of (rule.operations ?? []).entries())
    if (!OPERATIONS.includes(operation))
      errors.push(notSupported(`${at}.operations[${i}]`, operation, OPERATIONS));
  for (const field of ['operations', 'apiGroups', 'apiVersions'] as const)
    if ((rule[field] ?? []).length > 1 && rule[field]?.includes('*') === true)
      errors.push(
        invalid(
          `${at}.${field}`,
          rule[field],
          `if '*' is present, must not specify other ${field === 'apiGroups' ? 'API groups' : field === 'apiVersions' ? 'API versions' : 'operations'}`,
        ),
      );
  if (rule.scope !== undefined)
    errors.push(...oneOf(`${at}.scope`, rule.scope, ['*', 'Cluster', 'Namespaced']));
  return errors;
}

function webhook(hook: MutatingWebhook | ValidatingWebhook, at: string): FieldError[] {
  const errors = checkName(`${at}.name`, hook.name, checkDns1123Subdomain);
  if (hook.name && hook.name.split('.').length < 3)
    errors.push(
      invalid(`${at}.name`, hook.name, 'should be a domain with at least three segments separated by dots'),
    );
  errors.push(...(hook.rules ?? []).flatMap((rule, i) => operationRule(rule, `${at}.rules[${i}]`)));
  errors.push(...oneOf(`${at}.sideEffects`, hook.sideEffects, ['None', 'NoneOnDryRun']));
  const seconds = hook.timeoutSeconds;
  if (seconds !== undefined && (seconds < 1 || seconds > 30))
    errors.push(
      invalid(`${at}.timeoutSeconds`, seconds, 'the timeout value must be between 1 and 30 seconds'),
    );
  const versions = hook.admissionReviewVersions ?? [];
  if (versions.length === 0)
    errors.push(required(`${at}.admissionReviewVersions`, 'must specify one of v1, v1beta1'));
  else if (!versions.includes('v1') && !versions.includes('v1beta1'))
    errors.push(
      invalid(`${at}.admissionReviewVersions`, versions, 'must include at least one of v1, v1beta1'),
    );
  for (const field of ['namespaceSelector', 'objectSelector'] as const) {
    const selector = hook[field];
    if (selector !== undefined) errors.push(...labelSelector(`${at}.${field}`, selector));
  }
  const { url, service } = hook.clientConfig ?? {};
  if ((url === undefined) === (service === undefined))
    errors.push(required(`${at}.clientConfig`, 'exactly one of url or service is required'));
  if (url !== undefined && !isHttps(url))
    errors.push(
      invalid(
        `${at}.clientConfig.url`,
        url,
        'must be an https URL with a host, and no user, query or fragment',
      ),
    );
  if (service !== undefined)
    for (const field of ['name', 'namespace'] as const)
      if (!service[field])
        errors.push(required(`${at}.clientConfig.service.${field}`, `service ${field} is required`));
  return errors;
}

function isHttps(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, host, username, search, hash } = new URL(text);
  return protocol === 'https:' && host !== '' && username + search + hash === '';
}

function webhooks({
  webhooks: list,
}: MutatingWebhookConfiguration | ValidatingWebhookConfiguration): FieldError[] {
  const names = new Set<string>();
  return (list ?? []).flatMap((hook, i) => {
    const at = `webhooks[${i}]`;
    const errors = webhook(hook, at);
    if (names.has(hook.name)) errors.push(duplicate(`${at}.name`, hook.name));
    names.add(hook.name);
    return errors;
  });
}

function constraints({ spec }: ValidatingAdmissionPolicy | MutatingAdmissionPolicy): FieldError[] {
  const match = spec?.matchConstraints;
  if (match === undefined) return [required('spec.matchConstraints')];
  const errors: FieldError[] = [];
  const at = 'spec.matchConstraints';
  if ((match.resourceRules ?? []).length === 0) errors.push(required(`${at}.resourceRules`));
  for (const field of ['resourceRules', 'excludeResourceRules'] as const)
    errors.push(...(match[field] ?? []).flatMap((rule, i) => operationRule(rule, `${at}.${field}[${i}]`)));
  const kind = spec?.paramKind;
  if (kind !== undefined) {
    if (!kind.apiVersion) errors.push(required('spec.paramKind.apiVersion'));
    if (!kind.kind) errors.push(required('spec.paramKind.kind'));
  }
  return errors;
}

function validatingPolicy(policy: ValidatingAdmissionPolicy): FieldError[] {
  const { spec } = policy;
  const errors = constraints(policy);
  const validations = spec?.validations ?? [];
  if (validations.length + (spec?.auditAnnotations ?? []).length === 0)
    errors.push(
      required('spec.validations', 'validations or auditAnnotations must contain at least one item'),
    );
  for (const [i, { expression }] of validations.entries())
    if (!expression?.trim())
      errors.push(required(`spec.validations[${i}].expression`, 'expression is not specified'));
  return errors;
}

function mutatingPolicy(policy: MutatingAdmissionPolicy): FieldError[] {
  const { spec } = policy;
  const errors = constraints(policy);
  if ((spec?.mutations ?? []).length === 0)
    errors.push(required('spec.mutations', 'mutations must contain at least one item'));
  for (const [i, mutation] of (spec?.mutations ?? []).entries()) {
    const at = `spec.mutations[${i}]`;
    errors.push(...oneOf(`${at}.patchType`, mutation.patchType, ['ApplyConfiguration', 'JSONPatch']));
    const name = mutation.patchType === 'JSONPatch' ? 'jsonPatch' : 'applyConfiguration';
    if (!mutation[name]?.expression)
      errors.push(required(`${at}.${name}.expression`, 'expression is not specified'));
  }
  errors.push(...oneOf('spec.reinvocationPolicy', spec?.reinvocationPolicy, ['IfNeeded', 'Never']));
  return errors;
}

function bindingOf({
  spec,
}: ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding): FieldError[] {
  const errors = checkName('spec.policyName', spec?.policyName, checkDns1123Subdomain);
  const reference = spec?.paramRef;
  if (reference === undefined) return errors;
  if ((reference.name === undefined || reference.name === '') === (reference.selector === undefined))
    errors.push(
      reference.selector === undefined
        ? required('spec.paramRef', 'one of name or selector must be specified')
        : {
            type: 'Forbidden',
            field: 'spec.paramRef.name',
            detail: 'name and selector are mutually exclusive',
          },
    );
  errors.push(
    ...oneOf('spec.paramRef.parameterNotFoundAction', reference.parameterNotFoundAction, ['Allow', 'Deny']),
  );
  return errors;
}

function validatingBinding(binding: ValidatingAdmissionPolicyBinding): FieldError[] {
  const at = 'spec.validationActions';
  const actions = binding.spec?.validationActions ?? [];
  const supported = ['Audit', 'Deny', 'Warn'];
  const errors = bindingOf(binding);
  if (actions.length === 0) errors.push(required(at, 'at least one validation action is required'));
  for (const [i, action] of actions.entries()) {
    if (!supported.includes(action)) errors.push(notSupported(`${at}[${i}]`, action, supported));
    else if (actions.indexOf(action) < i) errors.push(duplicate(`${at}[${i}]`, action));
  }
  if (actions.includes('Deny') && actions.includes('Warn'))
    errors.push(
      invalid(
        at,
        actions,
        'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ),
    );
  return errors;
}

export const admissionRules: Readonly<Record<string, Rules>> = {
  'admissionregistration.k8s.io/v1/MutatingWebhookConfiguration': rules(webhooks),
  'admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration': rules(webhooks),
  'admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy': rules(validatingPolicy),
  'admissionregistration.k8s.io/v1/MutatingAdmissionPolicy': rules(mutatingPolicy),
  'admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding': rules(validatingBinding),
  'admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding': rules(bindingOf),
};
