/** The rules of limit ranges, priorities and runtime classes. */
import type { LimitRange, LimitRangeItem, PriorityClass, RuntimeClass } from '../generated/types.ts';
import { checkDns1123Label } from '../names.ts';
import { compareQuantities } from '../quantity.ts';
import { checkName, immutable, labels, oneOf, qualifiedName } from './checks.ts';
import { duplicate, forbidden, invalid, required, type FieldError } from './field-error.ts';
import { validateTolerations } from './placement.ts';
import { containerResourceName, isOvercommitAllowed, resourceName, validateResources } from './resources.ts';
import { rules, type Rules } from './rules.ts';

const TYPES = ['Pod', 'Container', 'PersistentVolumeClaim'];

/** What is limited: a kind of its own, or one with a domain. */
function typeName(field: string, type: string): FieldError[] {
  const errors = qualifiedName(field, type);
  if (errors.length === 0 && !type.includes('/') && !TYPES.includes(type))
    errors.push(invalid(field, type, 'must be a standard limit type or fully qualified'));
  return errors;
}

function limitRange({ spec }: LimitRange): FieldError[] {
  const types = new Set<string>();
  return (spec?.limits ?? []).flatMap((item, i) => {
    const at = `spec.limits[${i}]`;
    const errors = typeName(`${at}.type`, item.type ?? '');
    if (types.has(item.type)) errors.push(duplicate(`${at}.type`, item.type));
    types.add(item.type);
    return [...errors, ...limits(item, at)];
  });
}

/** Each pair must be in order: the first not above the second. Then whose field is wrong, and whose value is shown. */
const ORDER = [
  ['min', 'max', 'min value', 'max value', 'min', 'min'],
  ['min', 'defaultRequest', 'min value', 'default request value', 'defaultRequest', 'defaultRequest'],
  // As upstream shows it.
  ['min', 'default', 'min value', 'default value', 'default', 'min'],
  ['defaultRequest', 'max', 'default request value', 'max value', 'defaultRequest', 'defaultRequest'],
  ['default', 'max', 'default value', 'max value', 'default', 'default'],
  [
    'defaultRequest',
    'default',
    'default request value',
    'default limit value',
    'defaultRequest',
    'defaultRequest',
  ],
] as const;

function limits(item: LimitRangeItem, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const nameRule = item.type === 'Pod' || item.type === 'Container' ? containerResourceName : resourceName;
  if (item.type === 'Pod')
    for (const field of ['default', 'defaultRequest'] as const)
      if (Object.keys(item[field] ?? {}).length > 0)
        errors.push(forbidden(`${at}.${field}`, "may not be specified when `type` is 'Pod'"));
  if (item.type === 'PersistentVolumeClaim' && !item.min?.['storage'] && !item.max?.['storage'])
    errors.push(
      required(
        `${at}.limits`,
        'either minimum or maximum storage value is required, but neither was provided',
      ),
    );
  for (const field of ['min', 'max', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const)
    for (const name of Object.keys(item[field] ?? {}))
      errors.push(...nameRule(`${at}.${field}[${name}]`, name));
  for (const [low, high, lowName, highName, wrong, shown] of ORDER) {
    for (const [name, amount] of Object.entries(item[low] ?? {})) {
      const bounds = item[high] ?? {};
      const bound = Object.hasOwn(bounds, name) ? bounds[name] : undefined;
      if (bound !== undefined && compareQuantities(amount, bound) > 0)
        errors.push(
          invalid(
            `${at}.${wrong}[${name}]`,
            shown === low ? amount : bound,
            `${lowName} ${amount} is greater than ${highName} ${bound}`,
          ),
        );
    }
  }
  const allRequested = new Map(Object.entries(item.defaultRequest ?? {}));
  for (const [name, quantity] of Object.entries(item.default ?? {})) {
    const requested = allRequested.get(name);
    if (requested !== undefined && !isOvercommitAllowed(name) && compareQuantities(quantity, requested) !== 0)
      errors.push(
        invalid(
          `${at}.defaultRequest[${name}]`,
          requested,
          `default value ${quantity} must equal to defaultRequest value ${requested} in ${name}`,
        ),
      );
  }
  for (const [name, ratio] of Object.entries(item.maxLimitRequestRatio ?? {}))
    if (compareQuantities(ratio, '1') < 0)
      errors.push(invalid(`${at}.maxLimitRequestRatio[${name}]`, ratio, `ratio ${ratio} is less than 1`));
  return errors;
}

const HIGHEST_OF_USERS = 1_000_000_000;
const SYSTEM_PRIORITIES: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

function systemPriority(name: string): number | undefined {
  return Object.hasOwn(SYSTEM_PRIORITIES, name) ? SYSTEM_PRIORITIES[name] : undefined;
}

function priority({ metadata, value = 0, preemptionPolicy }: PriorityClass): FieldError[] {
  const name = metadata?.name ?? '';
  const errors: FieldError[] = [];
  if (name.startsWith('system-')) {
    if (systemPriority(name) !== value)
      errors.push(
        forbidden(
          'metadata.name',
          "priority class names with 'system-' prefix are reserved for system use only. error: " +
            (systemPriority(name) === undefined
              ? `${name} is not a known system priority class`
              : `value of ${name} PriorityClass must be ${systemPriority(name)}`),
        ),
      );
  } else if (value > HIGHEST_OF_USERS) {
    errors.push(
      forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_OF_USERS}`),
    );
  }
  if (preemptionPolicy !== undefined)
    errors.push(...oneOf('preemptionPolicy', preemptionPolicy, ['PreemptLowerPriority', 'Never']));
  return errors;
}

function priorityUpdate(now: PriorityClass, old: PriorityClass): FieldError[] {
  const errors: FieldError[] = [];
  if ((now.value ?? 0) !== (old.value ?? 0))
    errors.push(forbidden('value', 'may not be changed in an update.'));
  errors.push(...immutable('preemptionPolicy', now.preemptionPolicy, old.preemptionPolicy));
  return errors;
}

function runtimeClass({ handler, overhead, scheduling }: RuntimeClass): FieldError[] {
  const errors = checkName('handler', handler, checkDns1123Label);
  if (overhead?.podFixed !== undefined)
    errors.push(...validateResources({ limits: overhead.podFixed }, 'overhead'));
  const { nodeSelector, tolerations = [] } = scheduling ?? {};
  errors.push(...labels('scheduling.nodeSelector', nodeSelector));
  return [...errors, ...validateTolerations(tolerations, 'scheduling.tolerations')];
}

export const limitRules: Readonly<Record<string, Rules>> = {
  'v1/LimitRange': rules(limitRange),
  'scheduling.k8s.io/v1/PriorityClass': rules(() => [], priorityUpdate, {
    create: priority,
    ownSets: ['preemptionPolicy'],
  }),
  'node.k8s.io/v1/RuntimeClass': rules(runtimeClass, (now: RuntimeClass, old: RuntimeClass) =>
    immutable('handler', now.handler, old.handler),
  ),
};
