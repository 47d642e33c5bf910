/** The rules of which requests a webhook or a policy is asked about, and under which further conditions. */
import type { MatchCondition, NamedRuleWithOperations, RuleWithOperations } from '../generated/types.ts';
import { checkPathSegment, checkQualifiedName } from '../names.ts';
import { checkName, invalidBy } from './checks.ts';
import { duplicate, invalid, notSupported, required, tooMany, type FieldError } from './field-error.ts';

export const FAILURE_POLICIES = ['Fail', 'Ignore'];
export const MATCH_POLICIES = ['Equivalent', 'Exact'];
export const REINVOCATION_POLICIES = ['IfNeeded', 'Never'];
const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const SCOPES = ['*', 'Cluster', 'Namespaced'];

export function operationRule(rule: RuleWithOperations, at: string): FieldError[] {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  const errors: FieldError[] = [];
  if (operations.length === 0) errors.push(required(`${at}.operations`));
  errors.push(...alone(`${at}.operations`, operations, 'operations'));
  for (const [i, operation] of operations.entries())
    if (!OPERATIONS.includes(operation))
      errors.push(notSupported(`${at}.operations[${i}]`, operation, OPERATIONS));
  if (apiGroups.length === 0) errors.push(required(`${at}.apiGroups`));
  errors.push(...alone(`${at}.apiGroups`, apiGroups, 'API groups'));
  if (apiVersions.length === 0) errors.push(required(`${at}.apiVersions`));
  errors.push(...alone(`${at}.apiVersions`, apiVersions, 'API versions'));
  for (const [i, version] of apiVersions.entries())
    if (version === '') errors.push(required(`${at}.apiVersions[${i}]`));
  errors.push(...ruleResources(resources, `${at}.resources`));
  if (scope !== undefined && !SCOPES.includes(scope)) errors.push(notSupported(`${at}.scope`, scope, SCOPES));
  return errors;
}

function alone(field: string, list: readonly string[], others: string): FieldError[] {
  return list.length > 1 && list.includes('*')
    ? [invalid(field, list, `if '*' is present, must not specify other ${others}`)]
    : [];
}

/** Resources and subresources such as `pods`, `pods/status`, `pods/*`, `*` without its subresources, or all of all. */
function ruleResources(list: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = list.length === 0 ? [required(path)] : [];
  const [wholeResources, wholeSubresources] = [new Set<string>(), new Set<string>()];
  let hasPlain = false;
  for (const [i, text] of list.entries()) {
    const at = `${path}[${i}]`;
    if (text === '') {
      errors.push(required(at));
      continue;
    }
    const slash = text.indexOf('/');
    if (slash === -1) {
      // As upstream: the last one without a subresource decides.
      hasPlain = text !== '*';
      continue;
    }
    const [resource, sub] = [text.slice(0, slash), text.slice(slash + 1)];
    if (wholeResources.has(resource))
      errors.push(invalid(at, text, `if '${resource}/*' is present, must not specify ${text}`));
    if (wholeSubresources.has(sub))
      errors.push(invalid(at, text, `if '*/${sub}' is present, must not specify ${text}`));
    if (sub === '*') wholeResources.add(resource);
    if (resource === '*') wholeSubresources.add(sub);
  }
  if (list.length > 1 && list.includes('*/*'))
    errors.push(invalid(path, list, "if '*/*' is present, must not specify other resources"));
  if (list.includes('*') && hasPlain)
    errors.push(
      invalid(path, list, "if '*' is present, must not specify other resources without subresources"),
    );
  return errors;
}

/** A rule that may be for single objects. */
export function namedRule(rule: NamedRuleWithOperations, at: string): FieldError[] {
  const names = new Set<string>();
  const errors = (rule.resourceNames ?? []).flatMap((name, i) => {
    const field = `${at}.resourceNames[${i}]`;
    const found = invalidBy(checkPathSegment(name), field, name);
    if (names.has(name)) found.push(duplicate(field, name));
    names.add(name);
    return found;
  });
  return [...errors, ...operationRule(rule, at)];
}

const MAX_CONDITIONS = 64;

export function matchConditions(list: readonly MatchCondition[] = [], at: string): FieldError[] {
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
