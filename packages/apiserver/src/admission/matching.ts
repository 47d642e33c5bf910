/**
 * Which writes a webhook or a policy is about: rules by operation, group, version and resource, and selectors on the
 * namespace and the object. With the policy `Equivalent` the version in which the request came does not matter.
 */
import {
  type LabelSelector,
  type RuleWithOperations,
  selectorMatches,
  type NamedRuleWithOperations,
} from '@timonier/api';
import { notFound, StatusError } from '@timonier/api/statuses';
import { namespaceOf } from './namespace.ts';
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

/**
 * Whether namespace and object carry the labels that the selectors ask for; before or after the change. Throws 404 when
 * there is no such namespace.
 */
export function selectorsMatch(selection: Selection, request: AdmissionRequest): boolean {
  const { objectSelector, namespaceSelector } = selection;
  return (
    (isEmpty(objectSelector) ||
      [request.object, request.old].some(
        (object) => object !== undefined && selectorMatches(objectSelector, object.metadata?.labels ?? {}),
      )) &&
    (isEmpty(namespaceSelector) || namespaceMatches(namespaceSelector, request))
  );
}

/** A namespace counts as its own. What else is in none is exempted by no selector: those of upstream only select namespaces. */
function namespaceMatches(selector: LabelSelector | undefined, request: AdmissionRequest): boolean {
  const { info, namespace, subresource } = request.context.target;
  if (info.group === '' && info.resource === 'namespaces') {
    // What is written to a part of it is not its labels.
    const self = subresource === '' ? (request.object ?? request.old) : (request.old ?? request.object);
    return selectorMatches(selector, self?.metadata?.labels ?? {});
  }
  if (!info.namespaced) return true;
  const found = namespaceOf(request.context);
  if (found === undefined) throw new StatusError(notFound({ group: '', resource: 'namespaces' }, namespace));
  return selectorMatches(selector, found.metadata?.labels ?? {});
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
