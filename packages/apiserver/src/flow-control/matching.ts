/**
 * Which flow schema a request belongs to: the first one, by precedence and then by name, of which one rule names both
 * the user and what the user asks for. Pure.
 */
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
} from '@timonier/api';
import type { RequestInfo } from '../http/request-info.ts';
import type { User } from '../pipeline/authenticate.ts';

type Subject = PolicyRulesWithSubjects['subjects'][number];
export type MatchedRequest = Pick<
  RequestInfo,
  'path' | 'verb' | 'group' | 'version' | 'resource' | 'namespace' | 'name' | 'subresource'
>;

const accountPrefix = 'system:serviceaccount:';

/** The order in which schemas are tried. */
export function inMatchingOrder(schemas: readonly FlowSchema[]): FlowSchema[] {
  const precedence = ({ spec }: FlowSchema): number => spec?.matchingPrecedence ?? 0;
  const name = ({ metadata }: FlowSchema): string => metadata?.name ?? '';
  return schemas.toSorted((a, b) => precedence(a) - precedence(b) || (name(a) < name(b) ? -1 : 1));
}

/** The rules of a schema whose subjects include the user. */
export function rulesFor({ spec }: FlowSchema, user: User): readonly PolicyRulesWithSubjects[] {
  return (spec?.rules ?? []).filter(({ subjects }) =>
    subjects.some((subject) => matchesSubject(subject, user)),
  );
}

export function matchesRules(rules: readonly PolicyRulesWithSubjects[], request: MatchedRequest): boolean {
  for (const { resourceRules = [], nonResourceRules = [] } of rules)
    if (request.resource === undefined) {
      for (const rule of nonResourceRules) if (matchesPath(rule, request)) return true;
    } else for (const rule of resourceRules) if (matchesResource(rule, request)) return true;
  return false;
}

function matchesSubject(subject: Subject, { name, groups }: User): boolean {
  switch (subject.kind) {
    case 'User':
      return subject.user?.name === '*' || subject.user?.name === name;
    case 'Group':
      return subject.group?.name === '*' || groups.includes(subject.group?.name ?? '');
    case 'ServiceAccount': {
      const { namespace = '', name: account = '' } = subject.serviceAccount ?? {};
      if (account === '*')
        return name.startsWith(`${accountPrefix}${namespace}:`) && !isForged(name, namespace);
      return name === `${accountPrefix}${namespace}:${account}`;
    }
    default:
      return false;
  }
}

/** A user name with a further colon is that of no account. */
function isForged(name: string, namespace: string): boolean {
  return name.indexOf(':', accountPrefix.length + namespace.length + 1) >= 0;
}

function matchesResource(rule: ResourcePolicyRule, request: MatchedRequest): boolean {
  if (!has(rule.verbs, request.verb) || !has(rule.apiGroups, request.group ?? '')) return false;
  const { resource = '', subresource, namespace } = request;
  if (!has(rule.resources, subresource === '' ? resource : `${resource}/${subresource}`)) return false;
  if (namespace === '') return rule.clusterScope === true;
  return has(rule.namespaces ?? [], namespace);
}

function matchesPath(rule: NonResourcePolicyRule, { verb, path }: MatchedRequest): boolean {
  if (!has(rule.verbs, verb)) return false;
  return rule.nonResourceURLs.some(
    (url) => url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))),
  );
}

function has(list: readonly string[], value: string): boolean {
  return list.includes(value) || list.includes('*');
}
