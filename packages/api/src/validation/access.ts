/** The rules of roles and their bindings. */
import { checkDns1123Subdomain, checkPathSegment } from '../names.ts';
import type { ClusterRole, PolicyRule, Role, RoleBinding, Subject } from '../generated/types.ts';
import { checkName, labelSelector, same } from './checks.ts';
import { invalid, notSupported, required, type FieldError } from './field-error.ts';
import { rules, type Rules } from './rules.ts';

const RBAC = 'rbac.authorization.k8s.io';

function policyRule(rule: PolicyRule, at: string, isNamespaced: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if ((rule.verbs ?? []).length === 0)
    errors.push(required(`${at}.verbs`, 'verbs must contain at least one value'));
  if (nonResourceURLs.length > 0) {
    if (isNamespaced)
      errors.push(
        invalid(
          `${at}.nonResourceURLs`,
          nonResourceURLs,
          'namespaced rules cannot apply to non-resource URLs',
        ),
      );
    if (apiGroups.length + resources.length + resourceNames.length > 0)
      errors.push(
        invalid(
          `${at}.nonResourceURLs`,
          nonResourceURLs,
          'rules cannot apply to both regular resources and non-resource URLs',
        ),
      );
    return errors;
  }
  if (apiGroups.length === 0)
    errors.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'));
  if (resources.length === 0)
    errors.push(required(`${at}.resources`, 'resource rules must supply at least one resource'));
  return errors;
}

function role({ rules: list }: Role): FieldError[] {
  return (list ?? []).flatMap((rule, i) => policyRule(rule, `rules[${i}]`, true));
}

function clusterRole({ rules: list, aggregationRule }: ClusterRole): FieldError[] {
  const errors = (list ?? []).flatMap((rule, i) => policyRule(rule, `rules[${i}]`, false));
  if (aggregationRule === undefined) return errors;
  const at = 'aggregationRule.clusterRoleSelectors';
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0)
    errors.push(required(at, 'at least one clusterRoleSelector required if aggregationRule is non-nil'));
  for (const [i, selector] of selectors.entries()) errors.push(...labelSelector(`${at}[${i}]`, selector));
  return errors;
}

/** `isNamespaced`: accounts without a namespace are those of the binding's own. */
function binding({ roleRef, subjects }: RoleBinding, isNamespaced: boolean): FieldError[] {
  const kinds = isNamespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  const errors: FieldError[] = [];
  if (roleRef?.apiGroup !== RBAC)
    errors.push(notSupported('roleRef.apiGroup', roleRef?.apiGroup ?? '', [RBAC]));
  if (!kinds.includes(roleRef?.kind ?? ''))
    errors.push(notSupported('roleRef.kind', roleRef?.kind ?? '', kinds));
  errors.push(...checkName('roleRef.name', roleRef?.name, checkPathSegment));
  return [...errors, ...(subjects ?? []).flatMap((one, i) => subject(one, `subjects[${i}]`, isNamespaced))];
}

function subject(
  { kind, apiGroup = '', name, namespace }: Subject,
  at: string,
  isNamespaced: boolean,
): FieldError[] {
  const errors = name ? [] : [required(`${at}.name`)];
  if (kind === 'ServiceAccount') {
    if (name) errors.push(...checkName(`${at}.name`, name, checkDns1123Subdomain));
    if (apiGroup !== '') errors.push(notSupported(`${at}.apiGroup`, apiGroup, ['']));
    if (!namespace && !isNamespaced) errors.push(required(`${at}.namespace`));
    return errors;
  }
  if (kind !== 'User' && kind !== 'Group')
    return [...errors, notSupported(`${at}.kind`, kind, ['ServiceAccount', 'User', 'Group'])];
  if (apiGroup !== RBAC) errors.push(notSupported(`${at}.apiGroup`, apiGroup, [RBAC]));
  return errors;
}

/** Another role would be another grant: it takes another binding. */
function bindingUpdate(now: RoleBinding, old: RoleBinding): FieldError[] {
  return same(now.roleRef, old.roleRef) ? [] : [invalid('roleRef', now.roleRef, 'cannot change roleRef')];
}

export const accessRules: Readonly<Record<string, Rules>> = {
  'rbac.authorization.k8s.io/v1/Role': rules(role),
  'rbac.authorization.k8s.io/v1/ClusterRole': rules(clusterRole),
  'rbac.authorization.k8s.io/v1/RoleBinding': rules(
    (object: RoleBinding) => binding(object, true),
    bindingUpdate,
  ),
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': rules(
    (object: RoleBinding) => binding(object, false),
    bindingUpdate,
  ),
};
