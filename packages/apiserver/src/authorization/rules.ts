/**
 * What a rule of RBAC allows. Pure functions over `PolicyRule`. Source: "Using RBAC Authorization" of the Kubernetes documentation.
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

/** Whether a path is what a rule lists, or below it where that ends with a star. */
export function matchesPath(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  if (!pattern.endsWith('*')) return false;
  // However many stars there are, they stand for the rest.
  let end = pattern.length - 1;
  while (pattern[end - 1] === '*') end--;
  return path.startsWith(pattern.slice(0, end));
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
