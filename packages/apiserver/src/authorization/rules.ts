/**
 * What a rule of RBAC allows, and whether some rules together allow all that another does. Pure functions over
 * `PolicyRule`. Source: "Using RBAC Authorization" of the Kubernetes documentation.
 */
import type { PolicyRule } from '@timonier/api';
import type { Attributes } from './decision.ts';

/** One question: may this verb be used on this resource or path? */
export interface Question {
  readonly verb: string;
  /** Undefined: the question is about `path`. */
  readonly resource: string | undefined;
  readonly group: string;
  readonly subresource: string;
  readonly name: string;
  readonly path: string;
}

export function questionOf({ verb, resource, group, subresource, name, path }: Attributes): Question {
  return {
    // A head of a path asks for what a get would give.
    verb: resource === undefined && verb === 'head' ? 'get' : verb,
    resource,
    group: group ?? '',
    subresource,
    name,
    path,
  };
}

export function ruleAllows(rule: PolicyRule, question: Question): boolean {
  if (!includes(rule.verbs, question.verb)) return false;
  if (question.resource === undefined)
    return (rule.nonResourceURLs ?? []).some((url) => matchesPath(url, question.path));
  if (!includes(rule.apiGroups, question.group)) return false;
  if (!matchesResource(rule.resources, question.resource, question.subresource)) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || names.includes(question.name);
}

function includes(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes('*') || list.includes(value));
}

function matchesResource(list: readonly string[] = [], resource: string, subresource: string): boolean {
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  return (
    list.includes('*') || list.includes(whole) || (subresource !== '' && list.includes(`*/${subresource}`))
  );
}

function matchesPath(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1));
}

/** The single permissions of `wanted` that `owned` do not hold, each as a rule with one verb and one thing. */
export function missingRules(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(singleRules).filter((single) => !owned.some((rule) => covers(rule, single)));
}

function singleRules(rule: PolicyRule): PolicyRule[] {
  const out: PolicyRule[] = [];
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) out.push({ verbs: [verb], nonResourceURLs: [url] });
    for (const group of rule.apiGroups ?? [])
      for (const resource of rule.resources ?? []) {
        const names = rule.resourceNames ?? [];
        if (names.length === 0) out.push({ verbs: [verb], apiGroups: [group], resources: [resource] });
        for (const name of names)
          out.push({ verbs: [verb], apiGroups: [group], resources: [resource], resourceNames: [name] });
      }
  }
  return out;
}

/** True when `rule` allows everything that `single`, a rule of one verb and one thing, does. */
function covers(rule: PolicyRule, single: PolicyRule): boolean {
  const [verb = ''] = single.verbs;
  if (!includes(rule.verbs, verb)) return false;
  const [url] = single.nonResourceURLs ?? [];
  if (url !== undefined) return (rule.nonResourceURLs ?? []).some((pattern) => matchesPath(pattern, url));
  const [group = ''] = single.apiGroups ?? [];
  const [resource = ''] = single.resources ?? [];
  if (!includes(rule.apiGroups, group)) return false;
  const slash = resource.indexOf('/');
  const [main, sub] = slash < 0 ? [resource, ''] : [resource.slice(0, slash), resource.slice(slash + 1)];
  if (!matchesResource(rule.resources, main, sub)) return false;
  const owned = rule.resourceNames ?? [];
  const [name] = single.resourceNames ?? [];
  return owned.length === 0 || (name !== undefined && owned.includes(name));
}

/** A rule as upstream's texts show it. */
export function ruleText(rule: PolicyRule): string {
  const list = (items: readonly string[]): string =>
    `[${items.map((item) => JSON.stringify(item)).join(' ')}]`;
  const parts: readonly (readonly [string, readonly string[] | undefined])[] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['ResourceNames', rule.resourceNames],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['Verbs', rule.verbs],
  ];
  const shown = parts.flatMap(([name, items]) => (items === undefined ? [] : [`${name}:${list(items)}`]));
  return `{${shown.join(', ')}}`;
}
