/** The rules of admission webhooks. Whether an expression compiles is for those who run it. */
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ServiceReference,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../generated/types.ts';
import { checkDns1035Label, checkDns1123Subdomain } from '../names.ts';
import { labelSelector } from './checks.ts';
import { duplicate, invalid, notSupported, required, type FieldError } from './field-error.ts';
import {
  FAILURE_POLICIES,
  MATCH_POLICIES,
  matchConditions,
  operationRule,
  REINVOCATION_POLICIES,
} from './operation-rules.ts';
import { rules, type Rules } from './rules.ts';
import { webhookEndpoint, webhookUrl } from './webhook-clients.ts';

const SIDE_EFFECTS = ['None', 'NoneOnDryRun'];
const VERSIONS = ['v1', 'v1beta1'];

function webhook(hook: MutatingWebhook | ValidatingWebhook, at: string): FieldError[] {
  const { failurePolicy, matchPolicy, sideEffects, timeoutSeconds: seconds } = hook;
  const errors = qualified(hook.name ?? '', `${at}.name`);
  errors.push(...(hook.rules ?? []).flatMap((rule, i) => operationRule(rule, `${at}.rules[${i}]`)));
  if (failurePolicy !== undefined && !FAILURE_POLICIES.includes(failurePolicy))
    errors.push(notSupported(`${at}.failurePolicy`, failurePolicy, FAILURE_POLICIES));
  if (matchPolicy !== undefined && !MATCH_POLICIES.includes(matchPolicy))
    errors.push(notSupported(`${at}.matchPolicy`, matchPolicy, MATCH_POLICIES));
  if (sideEffects === undefined)
    errors.push(required(`${at}.sideEffects`, `must specify one of ${SIDE_EFFECTS.join(', ')}`));
  else if (!SIDE_EFFECTS.includes(sideEffects))
    errors.push(notSupported(`${at}.sideEffects`, sideEffects, SIDE_EFFECTS));
  if (seconds !== undefined && (seconds < 1 || seconds > 30))
    errors.push(
      invalid(`${at}.timeoutSeconds`, seconds, 'the timeout value must be between 1 and 30 seconds'),
    );
  for (const field of ['namespaceSelector', 'objectSelector'] as const) {
    const selector = hook[field];
    if (selector !== undefined) errors.push(...labelSelector(`${at}.${field}`, selector));
  }
  const again = 'reinvocationPolicy' in hook ? hook.reinvocationPolicy : undefined;
  if (again !== undefined && !REINVOCATION_POLICIES.includes(again))
    errors.push(notSupported(`${at}.reinvocationPolicy`, again, REINVOCATION_POLICIES));
  const { url, service } = hook.clientConfig ?? {};
  if ((url === undefined) === (service === undefined))
    errors.push(required(`${at}.clientConfig`, 'exactly one of url or service is required'));
  else if (url !== undefined) errors.push(...webhookUrl(`${at}.clientConfig.url`, url));
  else if (service !== undefined) errors.push(...serviceOf(service, `${at}.clientConfig.service`));
  return [...errors, ...matchConditions(hook.matchConditions, `${at}.matchConditions`)];
}

/** Upstream names, where one of the two is missing, the other. */
function serviceOf(service: ServiceReference, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!service.namespace) errors.push(required(`${at}.name`));
  if (!service.name) errors.push(required(`${at}.namespace`));
  return [...errors, ...webhookEndpoint(at, service)];
}

function qualified(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)];
  const texts = checkDns1123Subdomain(name);
  if (texts.length > 0) return [invalid(field, name, texts.join(','))];
  return name.split('.').length < 3
    ? [invalid(field, name, 'should be a domain with at least three segments separated by dots')]
    : [];
}

/** The versions of reviews that a webhook understands. */
function reviewVersions(list: readonly string[], path: string): FieldError[] {
  if (list.length === 0) return [required(path, `must specify one of ${VERSIONS.join(', ')}`)];
  const seen = new Set<string>();
  const errors = list.flatMap((version, i) => {
    const field = `${path}[${i}]`;
    if (seen.has(version)) return [invalid(field, version, 'duplicate version')];
    seen.add(version);
    return checkDns1035Label(version).map((text) => invalid(field, version, text));
  });
  if (!VERSIONS.some((version) => seen.has(version)))
    errors.push(invalid(path, list, `must include at least one of ${VERSIONS.join(', ')}`));
  return errors;
}

function webhooks({
  webhooks: list,
}: MutatingWebhookConfiguration | ValidatingWebhookConfiguration): FieldError[] {
  const names = new Set<string>();
  return (list ?? []).flatMap((hook, i) => {
    const at = `webhooks[${i}]`;
    const errors = webhook(hook, at);
    errors.push(...reviewVersions(hook.admissionReviewVersions ?? [], `${at}.admissionReviewVersions`));
    if (hook.name && names.has(hook.name)) errors.push(duplicate(`${at}.name`, hook.name));
    names.add(hook.name);
    return errors;
  });
}

export const webhookRules: Readonly<Record<string, Rules>> = {
  'admissionregistration.k8s.io/v1/MutatingWebhookConfiguration': rules(webhooks),
  'admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration': rules(webhooks),
};
