/** The rules of admission policies and their bindings. Whether an expression compiles is for those who run it. */
import type {
  AuditAnnotation,
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
  Variable,
} from '../generated/types.ts';
import { checkDns1035Label, checkDns1123Subdomain, checkPathSegment, checkQualifiedName } from '../names.ts';
import { checkName, invalidBy, labelSelector, oneOf } from './checks.ts';
import { validateConditions } from './conditions.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import {
  FAILURE_POLICIES,
  MATCH_POLICIES,
  matchConditions,
  namedRule,
  REINVOCATION_POLICIES,
} from './operation-rules.ts';
import { rules, type Rules } from './rules.ts';

/** What both kinds of policies have first: what to do in case of a failure, parameters and what is matched. */
function constraints({ spec }: ValidatingAdmissionPolicy | MutatingAdmissionPolicy): FieldError[] {
  const { failurePolicy, paramKind: kind, matchConstraints: match } = spec ?? {};
  const errors: FieldError[] = [];
  if (failurePolicy === undefined) errors.push(required('spec.failurePolicy'));
  else if (!FAILURE_POLICIES.includes(failurePolicy))
    errors.push(notSupported('spec.failurePolicy', failurePolicy, FAILURE_POLICIES));
  if (kind !== undefined) errors.push(...paramKind(kind, 'spec.paramKind'));
  const at = 'spec.matchConstraints';
  if (match === undefined) return [...errors, required(at)];
  errors.push(...matchResources(match, at));
  if ((match.resourceRules ?? []).length === 0) errors.push(required(`${at}.resourceRules`));
  return errors;
}

function paramKind({ apiVersion = '', kind = '' }: ParamKind, at: string): FieldError[] {
  const errors = groupVersion(apiVersion, `${at}.apiVersion`);
  const texts = checkDns1035Label(kind.toLowerCase());
  if (kind === '') errors.push(required(`${at}.kind`));
  else if (texts.length > 0)
    errors.push(
      invalid(`${at}.kind`, kind, `may have mixed case, but should otherwise match: ${texts.join(',')}`),
    );
  return errors;
}

function groupVersion(text: string, field: string): FieldError[] {
  if (text === '') return [required(field)];
  const parts = text === '/' ? [''] : text.split('/');
  if (parts.length > 2) return [invalid(field, text, `unexpected GroupVersion string: ${text}`)];
  const [group, version] = parts.length === 2 ? parts : ['', parts[0]];
  const errors: FieldError[] = [];
  const wrongGroup = group ? checkDns1123Subdomain(group) : [];
  if (wrongGroup.length > 0) errors.push(invalid(field, group, wrongGroup.join(',')));
  if (!version) return [...errors, invalid(field, text, 'version must be specified')];
  const wrongVersion = checkDns1035Label(version);
  if (wrongVersion.length > 0) errors.push(invalid(field, version, wrongVersion.join(',')));
  return errors;
}

function matchResources(match: MatchResources, at: string): FieldError[] {
  const { matchPolicy, namespaceSelector, objectSelector } = match;
  const errors: FieldError[] = [];
  if (matchPolicy === undefined) errors.push(required(`${at}.matchPolicy`));
  else if (!MATCH_POLICIES.includes(matchPolicy))
    errors.push(notSupported(`${at}.matchPolicy`, matchPolicy, MATCH_POLICIES));
  for (const [field, selector] of Object.entries({ namespaceSelector, objectSelector })) {
    if (selector === undefined) errors.push(required(`${at}.${field}`));
    else errors.push(...labelSelector(`${at}.${field}`, selector));
  }
  for (const field of ['resourceRules', 'excludeResourceRules'] as const)
    errors.push(...(match[field] ?? []).flatMap((rule, i) => namedRule(rule, `${at}.${field}[${i}]`)));
  return errors;
}

/** Words of the expression language. */
const RESERVED = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace ' +
    'return var void while'
  ).split(' '),
);

function variables(list: readonly Variable[] = []): FieldError[] {
  return list.flatMap(({ name, expression }, i) => {
    const at = `spec.variables[${i}]`;
    const errors: FieldError[] = [];
    if (!name?.trim()) errors.push(required(`${at}.name`, 'name is not specified'));
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || RESERVED.has(name))
      errors.push(invalid(`${at}.name`, name, 'must be a valid CEL identifier'));
    if (!expression?.trim()) errors.push(required(`${at}.expression`, 'expression is not specified'));
    return errors;
  });
}

/** `Unauthorized` is documented, too, but refused upstream. */
const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
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
  if (reason !== undefined && !REASONS.includes(reason))
    errors.push(notSupported(`${at}.reason`, reason, REASONS));
  return errors;
}

const MAX_ANNOTATIONS = 20;
const MAX_VALUE_EXPRESSION = 5 * 1024;

function auditAnnotations(list: readonly AuditAnnotation[] = [], policy: string): FieldError[] {
  const at = 'spec.auditAnnotations';
  const errors =
    list.length > MAX_ANNOTATIONS
      ? [invalid(at, list, `must not have more than ${MAX_ANNOTATIONS} auditAnnotations`)]
      : [];
  const keys = new Set<string>();
  for (const [i, { key, valueExpression }] of list.entries()) {
    // The log's key is that of the policy and this one together.
    const whole = `${policy}/${key}`;
    errors.push(...invalidBy(checkQualifiedName(whole), `${at}[${i}].key`, whole));
    const length = Buffer.byteLength(valueExpression.trim());
    if (length === 0)
      errors.push(required(`${at}[${i}].valueExpression`, 'valueExpression is not specified'));
    else if (length > MAX_VALUE_EXPRESSION)
      errors.push(
        required(`${at}[${i}].valueExpression`, `must not exceed ${MAX_VALUE_EXPRESSION} bytes in length`),
      );
    if (keys.has(key)) errors.push(duplicate(`${at}[${i}].key`, key));
    keys.add(key);
  }
  return errors;
}

function validatingPolicy(policy: ValidatingAdmissionPolicy): FieldError[] {
  const { spec, metadata } = policy;
  const errors = constraints(policy);
  errors.push(...matchConditions(spec?.matchConditions, 'spec.matchConditions'));
  errors.push(...variables(spec?.variables));
  const validations = spec?.validations ?? [];
  const annotations = spec?.auditAnnotations ?? [];
  if (validations.length + annotations.length === 0)
    for (const field of ['spec.validations', 'spec.auditAnnotations'])
      errors.push(required(field, 'validations or auditAnnotations must contain at least one item'));
  errors.push(...validations.flatMap((one, i) => validation(one, `spec.validations[${i}]`)));
  return [...errors, ...auditAnnotations(annotations, metadata?.name ?? '')];
}

/** What the server itself says of a policy's expressions. */
function policyStatus({ status }: ValidatingAdmissionPolicy): FieldError[] {
  const warnings = status?.typeChecking?.expressionWarnings ?? [];
  const errors = warnings.flatMap(({ fieldRef, warning }, i) => {
    const at = `status.typeChecking.expressionWarnings[${i}]`;
    return [
      ...(warning ? [] : [required(`${at}.warning`)]),
      ...(fieldRef?.trim() ? [] : [required(`${at}.fieldRef`)]),
    ];
  });
  return [...errors, ...validateConditions(status?.conditions, 'status.conditions')];
}

/** What goes is not changed. */
const MUTATING_OPERATIONS = ['*', 'CONNECT', 'CREATE', 'UPDATE'];

function mutatingOperations(match: MatchResources | undefined, at: string): FieldError[] {
  return (match?.resourceRules ?? []).flatMap(({ operations = [] }) =>
    operations.flatMap((operation) =>
      MUTATING_OPERATIONS.includes(operation)
        ? []
        : [notSupported(`${at}.resourceRules.operations`, operation, MUTATING_OPERATIONS)],
    ),
  );
}

function mutatingPolicy(policy: MutatingAdmissionPolicy): FieldError[] {
  const { spec } = policy;
  const errors = constraints(policy);
  errors.push(...mutatingOperations(spec?.matchConstraints, 'spec.matchConstraints'));
  errors.push(...matchConditions(spec?.matchConditions, 'spec.matchConditions'));
  errors.push(...variables(spec?.variables));
  const mutations = spec?.mutations ?? [];
  if (mutations.length === 0)
    errors.push(required('spec.mutations', 'mutations must contain at least one item'));
  errors.push(...mutations.flatMap((one, i) => mutation(one, `spec.mutations[${i}]`)));
  errors.push(...oneOf('spec.reinvocationPolicy', spec?.reinvocationPolicy, REINVOCATION_POLICIES));
  return errors;
}

const PATCHES = [
  ['ApplyConfiguration', 'applyConfiguration', 'jsonPatch'],
  ['JSONPatch', 'jsonPatch', 'applyConfiguration'],
] as const;

function mutation(one: Mutation, at: string): FieldError[] {
  const patch = PATCHES.find(([type]) => type === one.patchType);
  if (patch === undefined)
    return oneOf(
      `${at}.patchType`,
      one.patchType,
      PATCHES.map(([type]) => type),
    );
  const [type, own, other] = patch;
  const errors: FieldError[] = [];
  if (one[own] === undefined)
    errors.push(required(`${at}.${own}`, `must be specified when patchType is ${type}`));
  else if (!one[own].expression?.trim()) errors.push(required(`${at}.${own}.expression`));
  if (one[other] !== undefined)
    errors.push(invalid(`${at}.${other}`, `{${other}}`, `must not be specified when patchType is ${type}`));
  return errors;
}

function bindingOf({
  spec,
}: ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding): FieldError[] {
  const errors = checkName('spec.policyName', spec?.policyName, checkDns1123Subdomain);
  if (spec?.paramRef !== undefined) errors.push(...paramRef(spec.paramRef, 'spec.paramRef'));
  const match = spec?.matchResources;
  return match === undefined ? errors : [...errors, ...matchResources(match, 'spec.matchResources')];
}

const NOT_BOTH = 'name and selector are mutually exclusive';
const NOT_FOUND_ACTIONS = ['Deny', 'Allow'];

function paramRef(
  { name = '', selector, parameterNotFoundAction: action }: ParamRef,
  at: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (name !== '') {
    errors.push(...invalidBy(checkPathSegment(name), `${at}.name`, name));
    if (selector !== undefined) errors.push(forbidden(`${at}.name`, NOT_BOTH));
  }
  if (selector !== undefined) {
    errors.push(...labelSelector(`${at}.selector`, selector));
    if (name !== '') errors.push(forbidden(`${at}.selector`, NOT_BOTH));
  } else if (name === '') errors.push(required(at, 'one of name or selector must be specified'));
  return [...errors, ...oneOf(`${at}.parameterNotFoundAction`, action, NOT_FOUND_ACTIONS)];
}

function mutatingBinding(binding: MutatingAdmissionPolicyBinding): FieldError[] {
  const match = binding.spec?.matchResources;
  return [...bindingOf(binding), ...mutatingOperations(match, 'spec.matchResources')];
}

const VALIDATION_ACTIONS = ['Audit', 'Deny', 'Warn'];

function validatingBinding(binding: ValidatingAdmissionPolicyBinding): FieldError[] {
  const at = 'spec.validationActions';
  const actions = binding.spec?.validationActions ?? [];
  const errors = bindingOf(binding);
  const seen = new Set<string>();
  for (const [i, action] of actions.entries()) {
    if (!VALIDATION_ACTIONS.includes(action))
      errors.push(notSupported(`${at}[${i}]`, action, VALIDATION_ACTIONS));
    if (seen.has(action)) errors.push(duplicate(`${at}[${i}]`, action));
    seen.add(action);
  }
  if (seen.has('Deny') && seen.has('Warn'))
    errors.push(
      invalid(
        at,
        actions,
        'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ),
    );
  if (seen.size === 0) errors.push(required(at, 'at least one validation action is required'));
  return errors;
}

export const admissionRules: Readonly<Record<string, Rules>> = {
  'admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy': rules(validatingPolicy, undefined, {
    subresources: { status: policyStatus },
  }),
  'admissionregistration.k8s.io/v1/MutatingAdmissionPolicy': rules(mutatingPolicy),
  'admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding': rules(validatingBinding),
  'admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding': rules(mutatingBinding),
};
