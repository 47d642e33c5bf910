/**
 * Upstream's audit policy (audit.k8s.io/v1): how much of which request is recorded, at which stages. The first rule that
 * matches decides; without one nothing is recorded. Pure: text in, decisions out.
 */
import { parse } from 'yaml';
import type { RequestInfo } from '../http/request-info.ts';
import type { User } from '../pipeline/authenticate.ts';

export type Level = 'None' | 'Metadata' | 'Request' | 'RequestResponse';
export type Stage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic';

interface GroupResources {
  readonly group?: string;
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

interface Rule {
  readonly level: Level;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly GroupResources[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly Stage[];
  readonly omitManagedFields?: boolean;
}

export interface AuditPolicy {
  readonly rules: readonly Rule[];
  readonly omitStages?: readonly Stage[];
  readonly omitManagedFields?: boolean;
}

export interface AuditDecision {
  readonly level: Level;
  readonly omits: ReadonlySet<string>;
  readonly omitManagedFields: boolean;
}

const levels: readonly string[] = ['None', 'Metadata', 'Request', 'RequestResponse'];
const stages: readonly string[] = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'];
const lists = ['users', 'userGroups', 'verbs', 'namespaces', 'nonResourceURLs', 'omitStages'] as const;
const nothing: AuditDecision = { level: 'None', omits: new Set(), omitManagedFields: false };

/** Throws with the field that is wrong. */
export function parseAuditPolicy(text: string): AuditPolicy {
  const document = mapOf(parse(text), 'the policy');
  if (document['kind'] !== 'Policy' || document['apiVersion'] !== 'audit.k8s.io/v1')
    throw new Error('apiVersion and kind must be audit.k8s.io/v1 and Policy');
  const { rules } = document;
  if (!Array.isArray(rules) || rules.length === 0) throw new Error('rules: Required value');
  checkStages(document['omitStages'], 'omitStages');
  for (const [i, item] of rules.entries()) checkRule(mapOf(item, `rules[${i}]`), `rules[${i}]`);
  // What was not checked above is not read below.
  return document as unknown as AuditPolicy;
}

function checkRule(rule: Record<string, unknown>, at: string): void {
  if (!levels.includes(String(rule['level'])))
    throw new Error(
      `${at}.level: Unsupported value: ${JSON.stringify(rule['level'])}: supported values: ${levels.join(', ')}`,
    );
  for (const name of lists) checkStrings(rule[name], `${at}.${name}`);
  checkStages(rule['omitStages'], `${at}.omitStages`);
  const { resources = [] } = rule;
  if (!Array.isArray(resources)) throw new Error(`${at}.resources: must be a list`);
  for (const [i, item] of resources.entries()) {
    const where = `${at}.resources[${i}]`;
    const one = mapOf(item, where);
    checkStrings(one['resources'], `${where}.resources`);
    checkStrings(one['resourceNames'], `${where}.resourceNames`);
    if (one['group'] !== undefined && typeof one['group'] !== 'string')
      throw new Error(`${where}.group: must be a string`);
  }
  const isOfResources = resources.length > 0 || has(rule['namespaces']);
  if (isOfResources && has(rule['nonResourceURLs']))
    throw new Error(
      `${at}.nonResourceURLs: Invalid value: rules cannot apply to both regular resources and non-resource URLs`,
    );
}

function checkStages(value: unknown, at: string): void {
  checkStrings(value, at);
  const unknown = ((value ?? []) as string[]).find((stage) => !stages.includes(stage));
  if (unknown !== undefined)
    throw new Error(`${at}: Invalid value: "${unknown}": allowed stages are ${stages.join(',')}`);
}

function checkStrings(value: unknown, at: string): void {
  if (value === undefined || value === null) return;
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw new Error(`${at}: must be a list of strings`);
}

function has(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

function mapOf(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${at}: must be a map`);
  return value as Record<string, unknown>;
}

type Asked = Pick<RequestInfo, 'path' | 'verb' | 'group' | 'resource' | 'namespace' | 'name' | 'subresource'>;

export function decide(policy: AuditPolicy, user: User, info: Asked): AuditDecision {
  const rule = policy.rules.find((one) => matches(one, user, info));
  if (rule === undefined || rule.level === 'None') return nothing;
  return {
    level: rule.level,
    omits: new Set([...(policy.omitStages ?? []), ...(rule.omitStages ?? [])]),
    omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

function matches(rule: Rule, user: User, info: Asked): boolean {
  const {
    users = [],
    userGroups = [],
    verbs = [],
    namespaces = [],
    resources = [],
    nonResourceURLs = [],
  } = rule;
  if (users.length > 0 && !users.includes(user.name)) return false;
  if (userGroups.length > 0 && !user.groups.some((group) => userGroups.includes(group))) return false;
  if (verbs.length > 0 && !verbs.includes(info.verb)) return false;
  if (namespaces.length > 0 || resources.length > 0) {
    if (info.resource === undefined) return false;
    if (namespaces.length > 0 && !namespaces.includes(info.namespace)) return false;
    return resources.length === 0 || resources.some((one) => matchesResource(one, info));
  }
  if (nonResourceURLs.length === 0) return true;
  return (
    info.resource === undefined &&
    nonResourceURLs.some(
      (url) =>
        url === '*' || url === info.path || (url.endsWith('*') && info.path.startsWith(url.slice(0, -1))),
    )
  );
}

function matchesResource(
  one: GroupResources,
  { group = '', resource = '', subresource, name }: Asked,
): boolean {
  if ((one.group ?? '') !== group) return false;
  const { resources = [], resourceNames = [] } = one;
  if (resources.length === 0) return true;
  if (resourceNames.length > 0 && !resourceNames.includes(name)) return false;
  const combined = subresource === '' ? resource : `${resource}/${subresource}`;
  return resources.some(
    (asked) =>
      asked === combined ||
      asked === '*' ||
      // As upstream, and unlike what authorization takes it for: also the resource itself.
      asked === `${resource}/*` ||
      (subresource !== '' && asked === `*/${subresource}`),
  );
}
