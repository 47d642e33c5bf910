/**
 * Which writes a webhook or a policy is about: rules by operation, group, version and resource, and selectors on the
 * namespace and the object. With the policy `Equivalent` the version in which the request came does not matter.
 */
import {
  type LabelSelector,
  type Namespace,
  type RuleWithOperations,
  selectorMatches,
  type NamedRuleWithOperations,
} from '@timonier/api';
import { cachedObject } from './cached.ts';
import type { AdmissionRequest } from './request.ts';

export interface Selection {
  readonly matchPolicy?: string;
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
}

type AnyRule = RuleWithOperations & Pick<NamedRuleWithOperations, 'resourceNames'>;

export function ruleMatches(rule: AnyRule, request: AdmissionRequest, matchPolicy = 'Equivalent'): boolean {
  const { info, subresource, name } = request.context.target;
  const names = rule.resourceNames ?? [];
  return (
    includes(rule.operations, request.operation) &&
    includes(rule.apiGroups, info.group) &&
    (matchPolicy === 'Equivalent' || includes(rule.apiVersions, info.version)) &&
    (rule.resources ?? []).some((pattern) => resourceMatches(pattern, info.resource, subresource)) &&
    (rule.scope === undefined || rule.scope === '*' || (rule.scope === 'Namespaced') === info.namespaced) &&
    (names.length === 0 || names.includes(name || (request.object?.metadata?.name ?? '')))
  );
}

/** Whether namespace and object carry the labels that the selectors ask for; before or after the change. */
export function selectorsMatch(selection: Selection, request: AdmissionRequest): boolean {
  const { objectSelector, namespaceSelector } = selection;
  return (
    (isEmpty(objectSelector) ||
      [request.object, request.old].some(
        (object) => object !== undefined && selectorMatches(objectSelector, object.metadata?.labels ?? {}),
      )) &&
    (isEmpty(namespaceSelector) || selectorMatches(namespaceSelector, namespaceLabels(request)))
  );
}

/** The labels of the object's namespace; a namespace counts as its own, and what is in none has none. */
function namespaceLabels(request: AdmissionRequest): Readonly<Record<string, string>> {
  const { target } = request.context;
  if (target.info.group === '' && target.info.resource === 'namespaces')
    return (request.object ?? request.old)?.metadata?.labels ?? {};
  return namespaceOf(request)?.metadata?.labels ?? {};
}

export function namespaceOf({ context }: AdmissionRequest): Readonly<Namespace> | undefined {
  const { server, target } = context;
  if (!target.info.namespaced) return undefined;
  return cachedObject<Namespace>(server, 'namespaces', '', target.namespace);
}

function includes(list: readonly string[] | undefined, value: string): boolean {
  return list?.includes('*') === true || list?.includes(value) === true;
}

/** `pods`, `pods/status`, or with a star for the resource, the subresource or both. */
function resourceMatches(pattern: string, resource: string, subresource: string): boolean {
  const [wanted = '', sub] = pattern.split('/');
  if (wanted !== '*' && wanted !== resource) return false;
  return sub === undefined ? subresource === '' : sub === '*' || sub === subresource;
}

function isEmpty(selector: LabelSelector | undefined): boolean {
  return (
    selector === undefined ||
    ((selector.matchExpressions ?? []).length === 0 && Object.keys(selector.matchLabels ?? {}).length === 0)
  );
}
