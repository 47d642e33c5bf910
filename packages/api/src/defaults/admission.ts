/** Defaults of admission webhooks, admission policies and API services: kinds that reach out to others. */
import type {
  APIService,
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  NamedRuleWithOperations,
  RuleWithOperations,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../generated/types.ts';

const HTTPS = 443;
const TIMEOUT_SECONDS = 10;

function defaultRules(rules: readonly (RuleWithOperations | NamedRuleWithOperations)[] | undefined): void {
  for (const rule of rules ?? []) rule.scope ??= '*';
}

function defaultWebhook(webhook: MutatingWebhook | ValidatingWebhook): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= TIMEOUT_SECONDS;
  if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= HTTPS;
  defaultRules(webhook.rules);
}

export function defaultValidatingWebhooks({ webhooks }: ValidatingWebhookConfiguration): void {
  for (const webhook of webhooks ?? []) defaultWebhook(webhook);
}

export function defaultMutatingWebhooks({ webhooks }: MutatingWebhookConfiguration): void {
  for (const webhook of webhooks ?? []) {
    defaultWebhook(webhook);
    webhook.reinvocationPolicy ??= 'Never';
  }
}

function defaultMatch(match: MatchResources | undefined): void {
  if (match === undefined) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  defaultRules(match.resourceRules);
  defaultRules(match.excludeResourceRules);
}

export function defaultAdmissionPolicy({ spec }: ValidatingAdmissionPolicy | MutatingAdmissionPolicy): void {
  if (spec === undefined) return;
  spec.failurePolicy ??= 'Fail';
  defaultMatch(spec.matchConstraints);
}

export function defaultPolicyBinding({
  spec,
}: ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding): void {
  if (spec === undefined) return;
  defaultMatch(spec.matchResources);
}

export function defaultApiService({ spec }: APIService): void {
  if (spec?.service) spec.service.port ??= HTTPS;
}
