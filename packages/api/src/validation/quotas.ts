/** The rules of quotas. */
import type { ResourceQuota, ScopedResourceSelectorRequirement } from '../generated/types.ts';
import { NO_OPERATOR, same } from './checks.ts';
import { invalid, required, type FieldError } from './field-error.ts';
import { amount, COUNTED, isStandardResource, resourceName } from './resources.ts';
import { rules, type Rules } from './rules.ts';

type Amounts = Readonly<Record<string, string>>;

const POD_AMOUNTS: ReadonlySet<string> = new Set([
  'pods',
  'cpu',
  'memory',
  'requests.cpu',
  'requests.memory',
  'limits.cpu',
  'limits.memory',
]);
/** What scopes are of pods that only exist. */
const EXISTING = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'Terminating',
];
const SCOPES: ReadonlySet<string> = new Set([...EXISTING, 'PriorityClass', 'VolumeAttributesClass']);
const EXCLUSIVE = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;
const NOT_COVERED = 'unsupported scope applied to resource';

/** Whether a scope says something about a resource; about names with a domain nothing is known. */
function covers(scope: string, name: string): boolean {
  if (!isStandardResource(name)) return true;
  if (scope === 'BestEffort') return name === 'pods';
  if (scope === 'VolumeAttributesClass')
    return name === 'persistentvolumeclaims' || name === 'requests.storage';
  return POD_AMOUNTS.has(name);
}

function amounts(list: Amounts | undefined, path: string): FieldError[] {
  return Object.entries(list ?? {}).flatMap(([name, quantity]) => {
    const field = `${path}[${name}]`;
    return [...nameOf(name, field), ...amount(field, name, quantity)];
  });
}

/** What is counted has a name of its own, or one with a domain. */
function nameOf(name: string, field: string): FieldError[] {
  const errors = resourceName(field, name);
  const isQuota = name.includes('/') || COUNTED.has(name) || (isStandardResource(name) && name !== 'storage');
  if (!isQuota) errors.push(invalid(field, name, 'must be a standard resource for quota'));
  return errors;
}

function quota({ spec, status }: ResourceQuota): FieldError[] {
  return [
    ...amounts(spec?.hard, 'spec.hard'),
    ...scopes(spec?.scopes ?? [], spec?.hard ?? {}),
    ...selector(spec?.scopeSelector?.matchExpressions ?? [], spec ?? {}),
    ...quotaStatus({ status }),
  ];
}

function scopes(list: readonly string[], hard: Amounts): FieldError[] {
  const errors: FieldError[] = [];
  const at = 'spec.scopes';
  const beyond = countBeyond(hard);
  for (const scope of list) {
    if (!SCOPES.has(scope)) errors.push(invalid(at, list, 'unsupported scope'));
    for (let i = beyond(scope); i > 0; i--) errors.push(invalid(at, list, NOT_COVERED));
  }
  for (const pair of EXCLUSIVE)
    if (pair.every((scope) => list.includes(scope))) errors.push(invalid(at, list, 'conflicting scopes'));
  return errors;
}

/** How many of the amounts a scope does not cover, worked out once for each scope. */
function countBeyond(hard: Amounts): (scope: string) => number {
  const names = Object.keys(hard);
  const known = new Map<string, number>();
  return (scope) => {
    let count = known.get(scope);
    if (count === undefined) known.set(scope, (count = names.filter((name) => !covers(scope, name)).length));
    return count;
  };
}

/** Upstream names the list, not its item. */
function selector(
  list: readonly ScopedResourceSelectorRequirement[],
  spec: NonNullable<ResourceQuota['spec']>,
): FieldError[] {
  const errors: FieldError[] = [];
  const at = 'spec.scopeSelector.matchExpressions';
  const beyond = countBeyond(spec.hard ?? {});
  for (const { scopeName: scope, operator, values = [] } of list) {
    if (!SCOPES.has(scope)) errors.push(invalid(`${at}.scopeName`, scope, 'unsupported scope'));
    for (let i = beyond(scope); i > 0; i--) errors.push(invalid(at, spec.scopeSelector, NOT_COVERED));
    if (EXISTING.includes(scope) && operator !== 'Exists')
      errors.push(
        invalid(
          `${at}.operator`,
          operator,
          "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
        ),
      );
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        errors.push(
          required(
            `${at}.values`,
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
          ),
        );
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0)
        errors.push(
          invalid(
            `${at}.values`,
            values,
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
          ),
        );
    } else errors.push(invalid(`${at}.operator`, operator, NO_OPERATOR));
  }
  const names: string[] = list.map(({ scopeName }) => scopeName);
  for (const pair of EXCLUSIVE)
    if (pair.every((scope) => names.includes(scope)))
      errors.push(invalid(at, spec.scopes, 'conflicting scopes'));
  return errors;
}

function quotaStatus({ status }: { status?: ResourceQuota['status'] | undefined }): FieldError[] {
  return [...amounts(status?.hard, 'status.hard'), ...amounts(status?.used, 'status.used')];
}

/** Which pods a quota is about stays: what it has counted would be wrong. */
function changed({ spec: now }: ResourceQuota, { spec: before }: ResourceQuota): FieldError[] {
  const sorted = (list: readonly string[] = []): string[] => [...new Set(list)].sort();
  return same(sorted(now?.scopes), sorted(before?.scopes))
    ? []
    : [invalid('spec.scopes', now?.scopes, 'field is immutable')];
}

export const quotaRules: Readonly<Record<string, Rules>> = {
  'v1/ResourceQuota': rules(quota, changed, {
    ownSets: ['spec.scopes'],
    subresources: { status: quotaStatus },
  }),
};
