/**
 * Upstream's `AuthenticationConfiguration` (apiserver.config.k8s.io): providers of signed tokens, each with its rules,
 * and which requests may come from nobody. Pure: text in, providers out. Errors name the field.
 */
import {
  booleanOf,
  type Fields,
  listOf,
  mapOf,
  onlyKnown,
  parseDocument,
  textOf,
} from '../configuration/document.ts';
import {
  type ClaimRule,
  type ClaimRules,
  compileOverClaims,
  compileOverUser,
  type Source,
  userByRules,
} from './claim-mapping.ts';
import { jwtAlgorithms, type JwtProvider } from './jwt.ts';
import { authoritiesOf } from './request-header.ts';
import type { AnonymousAccess } from './request-authenticator.ts';

export interface AuthenticationConfiguration {
  readonly providers: readonly JwtProvider[];
  /** Undefined: the file leaves that to the flag. */
  readonly anonymous: AnonymousAccess | undefined;
}

const type = {
  kind: 'AuthenticationConfiguration',
  group: 'apiserver.config.k8s.io',
  versions: ['v1', 'v1beta1', 'v1alpha1'],
};
const reserved = /(^|\.)(kubernetes|k8s)\.io\//;
const extraKey = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

/** `ownIssuer` is that of this server's own tokens. Throws with the field that is wrong. */
export function parseAuthenticationConfiguration(
  text: string,
  ownIssuer: string,
): AuthenticationConfiguration {
  const root = parseDocument(text, type);
  onlyKnown(root, ['apiVersion', 'kind', 'jwt', 'anonymous'], '');
  const providers = listOf(root['jwt'], 'jwt').map((item, i) => providerOf(item, `jwt[${i}]`, ownIssuer));
  unique(
    providers.map(({ issuer }) => issuer),
    (i) => `jwt[${i}].issuer.url`,
  );
  unique(
    providers.map(({ discoveryUrl }) => discoveryUrl),
    (i) => `jwt[${i}].issuer.discoveryURL`,
  );
  return { providers, anonymous: anonymousOf(root['anonymous']) };
}

function anonymousOf(value: unknown): AnonymousAccess | undefined {
  if (value === undefined || value === null) return undefined;
  const fields = mapOf(value, 'anonymous');
  onlyKnown(fields, ['enabled', 'conditions'], 'anonymous');
  const enabled = booleanOf(fields['enabled'], 'anonymous.enabled', false);
  const paths = listOf(fields['conditions'], 'anonymous.conditions').map((item, i) => {
    const at = `anonymous.conditions[${i}]`;
    const condition = mapOf(item, at);
    onlyKnown(condition, ['path'], at);
    return textOf(condition['path'], `${at}.path`);
  });
  if (!enabled && paths.length > 0)
    throw new Error(
      'anonymous.conditions: Invalid value: enabled should be set to true when conditions are defined',
    );
  return enabled ? { enabled, paths: paths.length === 0 ? undefined : new Set(paths) } : { enabled };
}

function providerOf(value: unknown, at: string, ownIssuer: string): JwtProvider {
  const fields = mapOf(value, at);
  onlyKnown(fields, ['issuer', 'claimValidationRules', 'claimMappings', 'userValidationRules'], at);
  const rules = rulesOf(fields, at);
  return {
    ...issuerOf(fields['issuer'], `${at}.issuer`, ownIssuer),
    signingAlgorithms: jwtAlgorithms,
    userOf: (claims) => userByRules(claims, rules),
  };
}

function issuerOf(
  value: unknown,
  at: string,
  ownIssuer: string,
): Pick<JwtProvider, 'issuer' | 'discoveryUrl' | 'audiences' | 'ca'> {
  const fields = mapOf(value ?? {}, at);
  onlyKnown(
    fields,
    ['url', 'discoveryURL', 'certificateAuthority', 'audiences', 'audienceMatchPolicy', 'egressSelectorType'],
    at,
  );
  const issuer = textOf(fields['url'], `${at}.url`);
  if (issuer === '') throw new Error(`${at}.url: Required value`);
  if (issuer === ownIssuer)
    throw new Error(
      `${at}.url: Invalid value: "${issuer}": URL must not overlap with disallowed issuers: [${ownIssuer}]`,
    );
  checkUrl(issuer, `${at}.url`);
  const discoveryUrl = textOf(fields['discoveryURL'], `${at}.discoveryURL`);
  if (discoveryUrl !== '') {
    if (discoveryUrl.replace(/\/+$/, '') === issuer.replace(/\/+$/, ''))
      throw new Error(`${at}.discoveryURL: Invalid value: discoveryURL must be different from URL`);
    checkUrl(discoveryUrl, `${at}.discoveryURL`);
  }
  if (textOf(fields['egressSelectorType'], `${at}.egressSelectorType`) !== '')
    throw new Error(`${at}.egressSelectorType: Invalid value: this server has no egress selectors`);
  const audiences = listOf(fields['audiences'], `${at}.audiences`).map((item, i) => {
    const audience = textOf(item, `${at}.audiences[${i}]`);
    if (audience === '') throw new Error(`${at}.audiences[${i}]: Required value`);
    return audience;
  });
  if (audiences.length === 0) throw new Error(`${at}.audiences: Required value: at least one is required`);
  unique(audiences, (i) => `${at}.audiences[${i}]`);
  const policy = textOf(fields['audienceMatchPolicy'], `${at}.audienceMatchPolicy`);
  if (policy !== 'MatchAny' && (policy !== '' || audiences.length > 1))
    throw new Error(
      `${at}.audienceMatchPolicy: Invalid value: "${policy}": audienceMatchPolicy must be MatchAny for multiple audiences`,
    );
  const ca = textOf(fields['certificateAuthority'], `${at}.certificateAuthority`);
  if (ca !== '') checkAuthority(ca, `${at}.certificateAuthority`);
  return {
    issuer,
    ...(discoveryUrl === '' ? {} : { discoveryUrl }),
    audiences,
    ...(ca === '' ? {} : { ca }),
  };
}

function checkUrl(text: string, at: string): void {
  const fail = (why: string): never => {
    throw new Error(`${at}: Invalid value: "${text}": ${why}`);
  };
  if (!URL.canParse(text)) fail('it is not a URL');
  const url = new URL(text);
  if (url.protocol !== 'https:') fail('URL scheme must be https');
  if (url.username !== '' || url.password !== '') fail('URL must not contain a username or password');
  if (url.search !== '') fail('URL must not contain a query');
  if (url.hash !== '') fail('URL must not contain a fragment');
}

function checkAuthority(pem: string, at: string): void {
  try {
    authoritiesOf(pem);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${at}: Invalid value: "<omitted>": ${reason}`, { cause: error });
  }
}

function rulesOf(fields: Fields, at: string): ClaimRules {
  const mappings = mapOf(fields['claimMappings'] ?? {}, `${at}.claimMappings`);
  const where = `${at}.claimMappings`;
  onlyKnown(mappings, ['username', 'groups', 'uid', 'extra'], where);
  const username = sourceOf(mappings['username'], `${where}.username`);
  if (username === undefined)
    throw new Error(`${where}.username: Required value: claim or expression is required`);
  const rules: ClaimRules = {
    username,
    groups: sourceOf(mappings['groups'], `${where}.groups`),
    uid: sourceOf(mappings['uid'], `${where}.uid`, false),
    extra: extraOf(mappings['extra'], `${where}.extra`),
    claimRules: listOf(fields['claimValidationRules'], `${at}.claimValidationRules`).map((item, i) =>
      claimRuleOf(item, `${at}.claimValidationRules[${i}]`),
    ),
    userRules: listOf(fields['userValidationRules'], `${at}.userValidationRules`).map((item, i) =>
      userRuleOf(item, `${at}.userValidationRules[${i}]`),
    ),
  };
  checkEmail(rules, `${where}.username.expression`);
  return rules;
}

function sourceOf(value: unknown, at: string, hasPrefix = true): Source | undefined {
  const fields = mapOf(value ?? {}, at);
  onlyKnown(fields, hasPrefix ? ['claim', 'prefix', 'expression'] : ['claim', 'expression'], at);
  const claim = textOf(fields['claim'], `${at}.claim`);
  const expression = textOf(fields['expression'], `${at}.expression`);
  const { prefix } = fields;
  if (claim !== '' && expression !== '')
    throw new Error(`${at}: Invalid value: claim and expression can't both be set`);
  if (expression !== '') {
    if (prefix !== undefined)
      throw new Error(`${at}.prefix: Invalid value: may not be specified when expression is set`);
    return { expression: compileOverClaims(expression, `${at}.expression`) };
  }
  if (claim === '') return undefined;
  if (hasPrefix && (prefix === undefined || prefix === null))
    throw new Error(
      `${at}.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing`,
    );
  return { claim, prefix: textOf(prefix, `${at}.prefix`) };
}

function extraOf(value: unknown, at: string): ClaimRules['extra'] {
  const extra = listOf(value, at).map((item, i) => {
    const here = `${at}[${i}]`;
    const fields = mapOf(item, here);
    onlyKnown(fields, ['key', 'valueExpression'], here);
    const key = textOf(fields['key'], `${here}.key`);
    const wrong = (why: string): Error => new Error(`${here}.key: Invalid value: "${key}": ${why}`);
    if (key === '') throw new Error(`${here}.key: Required value`);
    if (key !== key.toLowerCase()) throw wrong('must be lowercase');
    if (!extraKey.test(key)) throw wrong('must be a domain-prefixed path (such as "acme.io/foo")');
    if (reserved.test(key))
      throw wrong('k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use');
    const expression = textOf(fields['valueExpression'], `${here}.valueExpression`);
    if (expression === '') throw new Error(`${here}.valueExpression: Required value`);
    return { key, expression: compileOverClaims(expression, `${here}.valueExpression`) };
  });
  unique(
    extra.map(({ key }) => key),
    (i) => `${at}[${i}].key`,
  );
  return extra;
}

function claimRuleOf(value: unknown, at: string): ClaimRule {
  const fields = mapOf(value, at);
  onlyKnown(fields, ['claim', 'requiredValue', 'expression', 'message'], at);
  const claim = textOf(fields['claim'], `${at}.claim`);
  const expression = textOf(fields['expression'], `${at}.expression`);
  if (claim !== '' && expression !== '')
    throw new Error(`${at}: Invalid value: "${claim}": claim and expression can't both be set`);
  if (claim === '' && expression === '')
    throw new Error(`${at}: Required value: claim or expression is required`);
  const requiredValue = textOf(fields['requiredValue'], `${at}.requiredValue`);
  if (claim !== '') {
    if (textOf(fields['message'], `${at}.message`) !== '')
      throw new Error(`${at}.message: Invalid value: may not be specified when claim is set`);
    return { claim, value: requiredValue };
  }
  if (requiredValue !== '')
    throw new Error(`${at}.requiredValue: Invalid value: may not be specified when expression is set`);
  return { expression: compileOverClaims(expression, `${at}.expression`, true) };
}

function userRuleOf(value: unknown, at: string): ClaimRules['userRules'][number] {
  const fields = mapOf(value, at);
  onlyKnown(fields, ['expression', 'message'], at);
  const expression = textOf(fields['expression'], `${at}.expression`);
  if (expression === '') throw new Error(`${at}.expression: Required value`);
  return compileOverUser(expression, `${at}.expression`);
}

/** A mail address that nobody verified must not become a user's name by oversight. */
function checkEmail({ username, extra, claimRules }: ClaimRules, at: string): void {
  if (!('expression' in username) || !uses(username.expression.source, 'email')) return;
  const looked = [
    username.expression,
    ...extra.map(({ expression }) => expression),
    ...claimRules.flatMap((rule) => ('expression' in rule ? [rule.expression] : [])),
  ];
  if (looked.some(({ source }) => uses(source, 'email_verified'))) return;
  throw new Error(
    `${at}: Invalid value: ${JSON.stringify(username.expression.source)}: claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression`,
  );
}

/** Whether an expression selects a claim by its name; what stands in quotes is not looked at. */
function uses(source: string, claim: string): boolean {
  const bare = source.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""');
  return new RegExp(`\\bclaims\\s*\\.\\s*\\??\\s*${claim}\\b`).test(bare);
}

function unique(values: readonly (string | undefined)[], at: (i: number) => string): void {
  const seen = new Set<string>();
  for (const [i, value] of values.entries()) {
    if (value === undefined) continue;
    if (seen.has(value)) throw new Error(`${at(i)}: Duplicate value: "${value}"`);
    seen.add(value);
  }
}
