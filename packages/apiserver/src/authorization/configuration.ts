/**
 * Upstream's `AuthorizationConfiguration` (apiserver.config.k8s.io): the authorizers in the order in which they are
 * asked. Text in, descriptions out; the kubeconfig files that it names are read where they are needed. Errors name the
 * field.
 */
import {
  durationOf,
  booleanOf,
  listOf,
  mapOf,
  oneOf,
  onlyKnown,
  parseDocument,
  textOf,
} from '../configuration/document.ts';
import { WebhookConditions } from './match-conditions.ts';

export const fixedModes = ['Node', 'RBAC', 'AlwaysAllow', 'AlwaysDeny'] as const;
export type FixedMode = (typeof fixedModes)[number];

export type AuthorizerDescription =
  | { readonly type: FixedMode }
  | { readonly type: 'Webhook'; readonly name: string; readonly webhook: WebhookDescription };

/** Times in milliseconds. */
export interface WebhookDescription {
  readonly kubeconfig: string;
  readonly version: 'v1' | 'v1beta1';
  readonly authorizedMs: number;
  readonly unauthorizedMs: number;
  readonly timeoutMs: number;
  readonly failureVerdict: 'noOpinion' | 'deny';
  readonly conditions: WebhookConditions;
}

const type = {
  kind: 'AuthorizationConfiguration',
  group: 'apiserver.config.k8s.io',
  versions: ['v1', 'v1beta1', 'v1alpha1'],
};
const maxTimeoutMs = 30_000;
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Throws with the field that is wrong. */
export function parseAuthorizationConfiguration(text: string): readonly AuthorizerDescription[] {
  const root = parseDocument(text, type);
  onlyKnown(root, ['apiVersion', 'kind', 'authorizers'], '');
  const items = listOf(root['authorizers'], 'authorizers');
  if (items.length === 0)
    throw new Error('authorizers: Required value: at least one authorization mode must be defined');
  const names = new Set<string>();
  const types = new Set<string>();
  return items.map((item, i) => {
    const at = `authorizers[${i}]`;
    const fields = mapOf(item, at);
    onlyKnown(fields, ['type', 'name', 'webhook'], at);
    const kind = oneOf(fields['type'], `${at}.type`, [...fixedModes, 'Webhook'] as const);
    if (kind !== 'Webhook' && types.has(kind)) throw new Error(`${at}.type: Duplicate value: "${kind}"`);
    types.add(kind);
    const name = textOf(fields['name'], `${at}.name`);
    if (name === '') throw new Error(`${at}.name: Required value`);
    if (names.has(name)) throw new Error(`${at}.name: Duplicate value: "${name}"`);
    if (name.length > 253 || !subdomain.test(name))
      throw new Error(
        `${at}.name: Invalid value: "${name}": authorizer name is invalid: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'`,
      );
    names.add(name);
    const { webhook } = fields;
    if (kind === 'Webhook') {
      if (webhook === undefined || webhook === null)
        throw new Error(`${at}.webhook: Required value: required when type=Webhook`);
      return { type: kind, name, webhook: webhookOf(webhook, at) };
    }
    if (webhook !== undefined && webhook !== null)
      throw new Error(`${at}.webhook: Invalid value: "non-null": may only be specified when type=Webhook`);
    return { type: kind };
  });
}

function webhookOf(value: unknown, parent: string): WebhookDescription {
  const at = `${parent}.webhook`;
  const fields = mapOf(value, at);
  onlyKnown(
    fields,
    [
      'authorizedTTL',
      'unauthorizedTTL',
      'cacheAuthorizedRequests',
      'cacheUnauthorizedRequests',
      'timeout',
      'subjectAccessReviewVersion',
      'matchConditionSubjectAccessReviewVersion',
      'failurePolicy',
      'connectionInfo',
      'matchConditions',
    ],
    at,
  );
  const timeoutMs = durationOf(fields['timeout'], `${at}.timeout`);
  if (timeoutMs > maxTimeoutMs) throw new Error(`${at}.timeout: Invalid value: must be > 0s and <= 30s`);
  const cached = (name: string): boolean => booleanOf(fields[name], `${at}.${name}`, true);
  const authorizedMs = durationOf(fields['authorizedTTL'], `${at}.authorizedTTL`);
  const unauthorizedMs = durationOf(fields['unauthorizedTTL'], `${at}.unauthorizedTTL`);
  const policy = oneOf(fields['failurePolicy'], `${at}.failurePolicy`, ['NoOpinion', 'Deny'] as const);
  const expressions = listOf(fields['matchConditions'], `${at}.matchConditions`).map((item, i) => {
    const here = `${at}.matchConditions[${i}]`;
    const condition = mapOf(item, here);
    onlyKnown(condition, ['expression'], here);
    return textOf(condition['expression'], `${here}.expression`);
  });
  const versionField = 'matchConditionSubjectAccessReviewVersion';
  if (textOf(fields[versionField], `${at}.${versionField}`) !== '')
    oneOf(fields[versionField], `${at}.${versionField}`, ['v1'] as const);
  else if (expressions.length > 0)
    throw new Error(`${at}.${versionField}: Required value: required if match conditions are specified`);
  return {
    kubeconfig: kubeconfigOf(fields['connectionInfo'], `${at}.connectionInfo`),
    version: oneOf(fields['subjectAccessReviewVersion'], `${at}.subjectAccessReviewVersion`, [
      'v1',
      'v1beta1',
    ] as const),
    authorizedMs: cached('cacheAuthorizedRequests') ? authorizedMs : 0,
    unauthorizedMs: cached('cacheUnauthorizedRequests') ? unauthorizedMs : 0,
    timeoutMs,
    failureVerdict: policy === 'Deny' ? 'deny' : 'noOpinion',
    conditions: new WebhookConditions(expressions, `${at}.matchConditions`),
  };
}

function kubeconfigOf(value: unknown, at: string): string {
  const fields = mapOf(value ?? {}, at);
  onlyKnown(fields, ['type', 'kubeConfigFile'], at);
  const kind = oneOf(fields['type'], `${at}.type`, ['InClusterConfig', 'KubeConfigFile'] as const);
  if (kind === 'InClusterConfig')
    throw new Error(`${at}.type: Invalid value: "${kind}": an API server is not in its own cluster`);
  const path = textOf(fields['kubeConfigFile'], `${at}.kubeConfigFile`);
  if (path === '') throw new Error(`${at}.kubeConfigFile: Required value`);
  if (!path.startsWith('/'))
    throw new Error(`${at}.kubeConfigFile: Invalid value: "${path}": must be an absolute path`);
  return path;
}
