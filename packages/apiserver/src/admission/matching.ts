/**
 * Which writes a webhook or a policy is about: rules by operation, group, version and resource, and selectors on the
 * namespace and the object. With the policy `Equivalent` a rule is about all versions of what it names, and whoever has the rule
 * sees the request in the version that it names.
 */
import {
  type LabelSelector,
  type ResourceInfo,
  type RuleWithOperations,
  selectorMatches,
  type NamedRuleWithOperations,
} from '@timonier/api';
import { notFound, StatusError } from '@timonier/api/statuses';
import { namespaceOf } from './namespace.ts';
import type { AdmissionRequest } from './request.ts';
import { equivalentsOf } from './versions.ts';

export interface Selection {
  readonly matchPolicy?: string;
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
}

type AnyRule = RuleWithOperations & Pick<NamedRuleWithOperations, 'resourceNames'>;

/** The version in which the first of some rules that is about a request wants to see it; undefined when none is. */
export function matchedAs(
  rules: readonly AnyRule[] | undefined,
  request: AdmissionRequest,
  matchPolicy = 'Equivalent',
): ResourceInfo | undefined {
  const { server, target } = request.context;
  if (rules === undefined) return undefined;
  if (rules.some((rule) => ruleMatches(rule, request, target.info))) return target.info;
  if (matchPolicy !== 'Equivalent') return undefined;
  const others = equivalentsOf(server.registry, target.info, target.subresource);
  for (const rule of rules) {
    const other = others.find((info) => ruleMatches(rule, request, info));
    if (other !== undefined) return other;
  }
  return undefined;
}

function ruleMatches(rule: AnyRule, request: AdmissionRequest, info: ResourceInfo): boolean {
  const { subresource, name } = request.context.target;
  const names = rule.resourceNames ?? [];
  return (
    includes(rule.operations, request.operation) &&
    includes(rule.apiGroups, info.group) &&
    includes(rule.apiVersions, info.version) &&
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
  // The options of a connection have no labels, and are not what a selector is about, not even one for what has none.
  const isLabelled = request.operation !== 'CONNECT';
  return (
    (isEmpty(objectSelector) ||
      [request.object, request.old].some(
        (object) =>
          isLabelled &&
          object !== undefined &&
          selectorMatches(objectSelector, object.metadata?.labels ?? {}),
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
