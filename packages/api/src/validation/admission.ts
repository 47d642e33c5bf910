/** The rules of admission webhooks and policies. Whether an expression compiles is for those who run it. */
import type {
  AuditAnnotation,
  MatchCondition,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  RuleWithOperations,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
  Validation,
  Variable,
} from '../generated/types.ts';
import { checkDns1123Subdomain, checkQualifiedName } from '../names.ts';
import { checkName, labelSelector, oneOf } from './checks.ts';
import { duplicate, invalid, notSupported, required, tooMany, type FieldError } from './field-error.ts';
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
  errors.push(...conditions(hook.matchConditions, `${at}.matchConditions`));
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

const MAX_CONDITIONS = 64;

function conditions(list: readonly MatchCondition[] = [], at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (list.length > MAX_CONDITIONS) errors.push(tooMany(at, list.length, MAX_CONDITIONS));
  const names = new Set<string>();
  for (const [i, { name, expression }] of list.slice(0, MAX_CONDITIONS).entries()) {
    if (!expression?.trim()) errors.push(required(`${at}[${i}].expression`));
    errors.push(...checkName(`${at}[${i}].name`, name, checkQualifiedName));
    if (name && names.has(name)) errors.push(duplicate(`${at}[${i}].name`, name));
    names.add(name);
  }
  return errors;
}

function variables(list: readonly Variable[] = []): FieldError[] {
  const names = new Set<string>();
  return list.flatMap(({ name, expression }, i) => {
    const at = `spec.variables[${i}]`;
    const errors: FieldError[] = [];
    if (!name?.trim()) errors.push(required(`${at}.name`, 'name is not specified'));
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      errors.push(invalid(`${at}.name`, name, 'name is not a valid CEL identifier'));
    else if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (!expression?.trim()) errors.push(required(`${at}.expression`, 'expression is not specified'));
    return errors;
  });
}

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];
const EMPTY = 'must be non-empty if specified';

function validation(one: Validation, at: string): FieldError[] {
  const { expression, message, messageExpression, reason } = one;
  const errors: FieldError[] = [];
  if (!expression?.trim()) errors.push(required(`${at}.expression`, 'expression is not specified'));
  if (messageExpression && messageExpression.trim() === '')
    errors.push(invalid(`${at}.messageExpression`, messageExpression, EMPTY));
  if (message && message.trim() === '') errors.push(invalid(`${at}.message`, message, EMPTY));
  else if (message && /[\r\n]/.test(message.trim()))
    errors.push(invalid(`${at}.message`, message, 'must not contain line breaks'));
  else if (!message && expression && /[\r\n]/.test(expression.trim()))
    errors.push(required(`${at}.message`, 'message must be specified if expression contains line breaks'));
  if (reason !== undefined && !REASONS.includes(reason))
    errors.push(notSupported(`${at}.reason`, reason, REASONS));
  return errors;
}

const MAX_ANNOTATIONS = 20;
const MAX_VALUE_EXPRESSION = 5 * 1024;

function auditAnnotations(list: readonly AuditAnnotation[] = [], policy: string): FieldError[] {
  const at = 'spec.auditAnnotations';
  if (list.length > MAX_ANNOTATIONS)
    return [invalid(at, list, `must not have more than ${MAX_ANNOTATIONS} auditAnnotations`)];
  const keys = new Set<string>();
  return list.flatMap(({ key, valueExpression }, i) => {
    // The log's key is that of the policy and this one together.
    const whole = `${policy}/${key}`;
    const errors = checkQualifiedName(whole).map((text) => invalid(`${at}[${i}].key`, whole, text));
    if (keys.has(key)) errors.push(duplicate(`${at}[${i}].key`, key));
    keys.add(key);
    const length = Buffer.byteLength(valueExpression.trim());
    if (length === 0)
      errors.push(required(`${at}[${i}].valueExpression`, 'valueExpression is not specified'));
    else if (length > MAX_VALUE_EXPRESSION)
      errors.push(
        required(`${at}[${i}].valueExpression`, `must not exceed ${MAX_VALUE_EXPRESSION} bytes in length`),
      );
    return errors;
  });
}

function validatingPolicy(policy: ValidatingAdmissionPolicy): FieldError[] {
  const { spec, metadata } = policy;
  const errors = constraints(policy);
  errors.push(...conditions(spec?.matchConditions, 'spec.matchConditions'));
  errors.push(...variables(spec?.variables));
  errors.push(...auditAnnotations(spec?.auditAnnotations, metadata?.name ?? ''));
  const validations = spec?.validations ?? [];
  if (validations.length + (spec?.auditAnnotations ?? []).length === 0)
    errors.push(
      required('spec.validations', 'validations or auditAnnotations must contain at least one item'),
    );
  errors.push(...validations.flatMap((one, i) => validation(one, `spec.validations[${i}]`)));
  return errors;
}

function mutatingPolicy(policy: MutatingAdmissionPolicy): FieldError[] {
  const { spec } = policy;
  const errors = constraints(policy);
  errors.push(...conditions(spec?.matchConditions, 'spec.matchConditions'));
  errors.push(...variables(spec?.variables));
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
