/** The rules of roles, their bindings, and of certificate signing requests. */
import { checkDns1123Subdomain, checkPathSegment } from '../names.ts';
import type {
  CertificateSigningRequest,
  ClusterRole,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '../generated/types.ts';
import { checkName, labelSelector, oneOf, same } from './checks.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { rules, type Rules } from './rules.ts';
import { signerName } from './signers.ts';

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

function binding({ roleRef, subjects }: RoleBinding, kinds: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  if (roleRef?.apiGroup !== RBAC)
    errors.push(notSupported('roleRef.apiGroup', roleRef?.apiGroup ?? '', [RBAC]));
  if (!kinds.includes(roleRef?.kind ?? ''))
    errors.push(notSupported('roleRef.kind', roleRef?.kind ?? '', kinds));
  errors.push(...checkName('roleRef.name', roleRef?.name, checkPathSegment));
  return [...errors, ...(subjects ?? []).flatMap((one, i) => subject(one, `subjects[${i}]`))];
}

function subject({ kind, apiGroup = '', name, namespace }: Subject, at: string): FieldError[] {
  const errors = name ? [] : [required(`${at}.name`)];
  if (kind === 'ServiceAccount') {
    if (name) errors.push(...checkName(`${at}.name`, name, checkDns1123Subdomain));
    if (apiGroup !== '') errors.push(notSupported(`${at}.apiGroup`, apiGroup, ['']));
    if (!namespace) errors.push(required(`${at}.namespace`));
    return errors;
  }
  if (kind !== 'User' && kind !== 'Group')
    return [...errors, notSupported(`${at}.kind`, kind, ['Group', 'ServiceAccount', 'User'])];
  if (apiGroup !== RBAC) errors.push(notSupported(`${at}.apiGroup`, apiGroup, [RBAC]));
  return errors;
}

/** Another role would be another grant: it takes another binding. */
function bindingUpdate(now: RoleBinding, old: RoleBinding): FieldError[] {
  return same(now.roleRef, old.roleRef) ? [] : [invalid('roleRef', now.roleRef, 'cannot change roleRef')];
}

const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const MIN_SECONDS = 600;
const FINAL = ['Approved', 'Denied', 'Failed'];

function signingRequest(request: CertificateSigningRequest): FieldError[] {
  const { spec } = request;
  const errors: FieldError[] = [];
  const pem = Buffer.from(spec?.request ?? '', 'base64').toString('latin1');
  if (
    !/-----BEGIN (NEW )?CERTIFICATE REQUEST-----\s[\s\S]+-----END (NEW )?CERTIFICATE REQUEST-----/.test(pem)
  )
    errors.push(
      invalid(
        'spec.request',
        spec?.request ?? '',
        'unable to parse csr: PEM block type must be CERTIFICATE REQUEST',
      ),
    );
  const usages = spec?.usages ?? [];
  if (usages.length === 0) errors.push(required('spec.usages'));
  for (const [i, usage] of usages.entries())
    if (!USAGES.includes(usage)) errors.push(notSupported(`spec.usages[${i}]`, usage, USAGES));
  errors.push(...signerName('spec.signerName', spec?.signerName ?? ''));
  const seconds = spec?.expirationSeconds;
  if (seconds !== undefined && seconds < MIN_SECONDS)
    errors.push(
      invalid(
        'spec.expirationSeconds',
        seconds,
        `may not specify a duration less than ${MIN_SECONDS} seconds (10 minutes)`,
      ),
    );
  return errors;
}

function conditions(now: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  const list = now.status?.conditions ?? [];
  const before = old.status?.conditions ?? [];
  const errors = list.flatMap((condition, i) => {
    const at = `status.conditions[${i}]`;
    const found: FieldError[] = [];
    if (!condition.type) found.push(required(`${at}.type`));
    if (!condition.status) found.push(required(`${at}.status`));
    else if (FINAL.includes(condition.type)) found.push(...oneOf(`${at}.status`, condition.status, ['True']));
    const first = list.findIndex(({ type }) => type === condition.type);
    if (first < i)
      found.push({ type: 'Duplicate', field: `${at}.type`, badValue: condition.type, detail: '' });
    return found;
  });
  const has = (type: string): boolean => list.some((condition) => condition.type === type);
  if (has('Approved') && has('Denied')) {
    const i = list.findIndex(({ type }) => type === 'Denied');
    errors.push(
      invalid(
        `status.conditions[${i}].type`,
        'Denied',
        'Approved and Denied conditions are mutually exclusive',
      ),
    );
  }
  for (const { type } of before)
    if (FINAL.includes(type) && !has(type))
      errors.push(forbidden('status.conditions', `updates may not remove a condition of type "${type}"`));
  return errors;
}

function certificate(now: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  const errors = conditions(now, old);
  const [text, before] = [now.status?.certificate ?? '', old.status?.certificate ?? ''];
  if (before !== '' && text !== before)
    errors.push(forbidden('status.certificate', 'updates may not modify existing certificate content'));
  if (text !== '' && !Buffer.from(text, 'base64').includes('-----BEGIN CERTIFICATE-----'))
    errors.push(
      invalid('status.certificate', '<certificate data>', 'must contain at least one CERTIFICATE PEM block'),
    );
  return errors;
}

export const accessRules: Readonly<Record<string, Rules>> = {
  'rbac.authorization.k8s.io/v1/Role': rules(role),
  'rbac.authorization.k8s.io/v1/ClusterRole': rules(clusterRole),
  'rbac.authorization.k8s.io/v1/RoleBinding': rules(
    (object: RoleBinding) => binding(object, ['ClusterRole', 'Role']),
    bindingUpdate,
  ),
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': rules(
    (object: RoleBinding) => binding(object, ['ClusterRole']),
    bindingUpdate,
  ),
  'certificates.k8s.io/v1/CertificateSigningRequest': rules(signingRequest, undefined, {
    subresources: { approval: conditions, status: certificate },
  }),
};
