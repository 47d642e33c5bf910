/** The rules of flow schemas and priority levels. */
import {
  entropyBits,
  exemptName,
  mandatoryLevelSpecs,
  mandatorySchemaSpecs,
  maxEntropyBits,
} from '../flow-control.ts';
import type {
  FlowcontrolV1Subject,
  FlowSchema,
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  QueuingConfiguration,
  ResourcePolicyRule,
} from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain } from '../names.ts';
import { oneOf, invalidBy, same } from './checks.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { rules, type Rules } from './rules.ts';

const MAX_PRECEDENCE = 10_000;
const METHODS = ['ByNamespace', 'ByUser'];
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

function flowSchema({ metadata, spec }: FlowSchema): FieldError[] {
  const errors: FieldError[] = [];
  const name = metadata?.name ?? '';
  const precedence = spec?.matchingPrecedence ?? 0;
  const field = 'spec.matchingPrecedence';
  if (precedence <= 0) errors.push(invalid(field, precedence, 'must be a positive value'));
  if (precedence > MAX_PRECEDENCE)
    errors.push(invalid(field, precedence, `must not be greater than ${MAX_PRECEDENCE}`));
  if (precedence === 1 && name !== exemptName)
    errors.push(invalid(field, precedence, "only the schema named 'exempt' may have matchingPrecedence 1"));
  const method = spec?.distinguisherMethod;
  if (method !== undefined && !METHODS.includes(method.type))
    errors.push(notSupported('spec.distinguisherMethod.type', method, METHODS));
  const level = spec?.priorityLevelConfiguration?.name ?? '';
  const levelField = 'spec.priorityLevelConfiguration.name';
  if (level === '') errors.push(required(levelField, 'must reference a priority level'));
  else errors.push(...invalidBy(checkDns1123Subdomain(level), levelField, level));
  errors.push(...(spec?.rules ?? []).flatMap((rule, i) => schemaRule(rule, `spec.rules[${i}]`)));
  const fixed = mandatorySchemaSpecs.get(name);
  if (fixed !== undefined && !same(spec, fixed))
    errors.push(invalid('spec', spec, `spec of '${name}' must equal the fixed value`));
  return errors;
}

function schemaRule(rule: PolicyRulesWithSubjects, at: string): FieldError[] {
  const { resourceRules = [], nonResourceRules = [] } = rule;
  const subjects = rule.subjects ?? [];
  const errors = subjects.flatMap((one, i) => subject(one, `${at}.subjects[${i}]`));
  if (subjects.length === 0)
    errors.push(required(`${at}.subjects`, 'subjects must contain at least one value'));
  if (resourceRules.length + nonResourceRules.length === 0)
    errors.push(required(at, 'at least one of resourceRules and nonResourceRules has to be non-empty'));
  errors.push(...resourceRules.flatMap((one, i) => resourceRule(one, `${at}.resourceRules[${i}]`)));
  errors.push(...nonResourceRules.flatMap((one, i) => nonResourceRule(one, `${at}.nonResourceRules[${i}]`)));
  return errors;
}

/** The kinds in upstream's order, each with the field that says who is meant. */
const SUBJECTS = [
  ['ServiceAccount', 'serviceAccount'],
  ['User', 'user'],
  ['Group', 'group'],
] as const;

function subject(one: FlowcontrolV1Subject, at: string): FieldError[] {
  const own = SUBJECTS.find(([kind]) => kind === one.kind);
  if (own === undefined)
    return [notSupported(`${at}.kind`, one.kind ?? '', ['Group', 'ServiceAccount', 'User'])];
  const [kind, part] = own;
  const errors: FieldError[] = [];
  if (one[part] === undefined)
    errors.push(required(`${at}.${part}`, `${part} is required when subject kind is '${kind}'`));
  else if (one.kind === 'ServiceAccount') errors.push(...account(one, `${at}.serviceAccount`));
  else if (!one[part]?.name) errors.push(required(`${at}.${part}.name`));
  for (const [other, field] of SUBJECTS)
    if (other !== kind && one[field] !== undefined)
      errors.push(forbidden(`${at}.${field}`, `${field} is forbidden when subject kind is not '${other}'`));
  return errors;
}

function account({ serviceAccount }: FlowcontrolV1Subject, at: string): FieldError[] {
  const { name = '', namespace = '' } = serviceAccount ?? {};
  const errors: FieldError[] = [];
  if (name === '') errors.push(required(`${at}.name`));
  else if (name !== '*') errors.push(...invalidBy(checkDns1123Subdomain(name), `${at}.name`, name));
  if (namespace === '')
    errors.push(required(`${at}.namespace`, 'must specify namespace for service account'));
  else errors.push(...invalidBy(checkDns1123Label(namespace), `${at}.namespace`, namespace));
  return errors;
}

function alone(field: string, list: readonly string[], others: string): FieldError[] {
  return list.length > 1 && list.includes('*')
    ? [invalid(field, list, `if '*' is present, must not specify other ${others}`)]
    : [];
}

function verbs(list: readonly string[] = [], field: string): FieldError[] {
  if (list.length === 0) return [required(field, 'verbs must contain at least one value')];
  if (list.includes('*')) return alone(field, list, 'verbs');
  return list.every((verb) => VERBS.includes(verb)) ? [] : [notSupported(field, list, VERBS)];
}

function resourceRule(rule: ResourcePolicyRule, at: string): FieldError[] {
  const { namespaces = [], clusterScope } = rule;
  const [apiGroups, resources] = [rule.apiGroups ?? [], rule.resources ?? []];
  const errors = verbs(rule.verbs, `${at}.verbs`);
  if (apiGroups.length === 0)
    errors.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'));
  errors.push(...alone(`${at}.apiGroups`, apiGroups, 'api groups'));
  if (resources.length === 0)
    errors.push(required(`${at}.resources`, 'resource rules must supply at least one resource'));
  errors.push(...alone(`${at}.resources`, resources, 'resources'));
  const field = `${at}.namespaces`;
  if (namespaces.length === 0 && clusterScope !== true)
    errors.push(
      required(field, 'resource rules that are not cluster scoped must supply at least one namespace'),
    );
  else if (namespaces.includes('*')) errors.push(...alone(field, namespaces, 'namespaces'));
  else
    for (const [i, name] of namespaces.entries())
      for (const text of checkDns1123Label(name))
        errors.push(
          invalid(
            `${field}[${i}]`,
            name,
            `each member of this list must be '*' or a DNS-1123 label; ${text}`,
          ),
        );
  return errors;
}

function nonResourceRule(rule: NonResourcePolicyRule, at: string): FieldError[] {
  const errors = verbs(rule.verbs, `${at}.verbs`);
  const urls = rule.nonResourceURLs ?? [];
  const field = `${at}.nonResourceURLs`;
  if (urls.length === 0) errors.push(required(field, 'nonResourceURLs must contain at least one value'));
  else if (urls.includes('*')) errors.push(...alone(field, urls, 'non-resource URLs'));
  else
    for (const [i, url] of urls.entries()) {
      const problem = urlProblem(url);
      if (problem !== undefined) errors.push(invalid(`${field}[${i}]`, url, problem));
    }
  return errors;
}

function urlProblem(url: string): string | undefined {
  if (url === '') return 'must not be empty';
  if (url === '/') return undefined;
  if (!url.startsWith('/')) return 'must start with slash';
  if (url.includes(' ')) return 'must not contain white-space';
  if (url.includes('//')) return 'must not contain double slash';
  const star = url.indexOf('*');
  return star === -1 || (star === url.length - 1 && url.endsWith('/*'))
    ? undefined
    : 'wildcard can only do suffix matching';
}

function priorityLevel({ metadata, spec }: PriorityLevelConfiguration): FieldError[] {
  const errors: FieldError[] = [];
  const name = metadata?.name ?? '';
  const type = spec?.type ?? '';
  if ((name === exemptName) !== (type === 'Exempt'))
    errors.push(invalid('spec.type', type, "type must be 'Exempt' if and only if name is 'exempt'"));
  if (type === 'Exempt') {
    if (spec?.limited !== undefined)
      errors.push(forbidden('spec.limited', 'must be nil if the type is not Limited'));
    if (spec?.exempt !== undefined) errors.push(...shares(spec.exempt, 'spec.exempt'));
  } else if (type === 'Limited') {
    if (spec?.exempt !== undefined)
      errors.push(forbidden('spec.exempt', 'must be nil if the type is Limited'));
    if (spec?.limited === undefined)
      errors.push(required('spec.limited', 'must not be empty when type is Limited'));
    else errors.push(...limited(spec.limited, 'spec.limited'));
  } else errors.push(...oneOf('spec.type', type, ['Exempt', 'Limited']));
  return [...errors, ...fixedLevel({ ...spec, type }, name)];
}

/** How many seats are its own, and how many of them others may have. */
function shares(
  { nominalConcurrencyShares, lendablePercent }: LimitedPriorityLevelConfiguration,
  at: string,
): FieldError[] {
  return [...nominal(nominalConcurrencyShares, at), ...lendable(lendablePercent, at)];
}

function nominal(value: number | undefined, at: string): FieldError[] {
  return value === undefined || value >= 0
    ? []
    : [invalid(`${at}.nominalConcurrencyShares`, value, 'must be a non-negative integer')];
}

function lendable(percent: number | undefined, at: string): FieldError[] {
  return percent === undefined || (percent >= 0 && percent <= 100)
    ? []
    : [invalid(`${at}.lendablePercent`, percent, 'must be between 0 and 100, inclusive')];
}

function limited(level: LimitedPriorityLevelConfiguration, at: string): FieldError[] {
  const errors = nominal(level.nominalConcurrencyShares, at);
  errors.push(...response(level.limitResponse, `${at}.limitResponse`));
  errors.push(...lendable(level.lendablePercent, at));
  const borrowed = level.borrowingLimitPercent ?? 0;
  if (borrowed < 0)
    errors.push(
      invalid(`${at}.borrowingLimitPercent`, borrowed, 'if specified, must be a non-negative integer'),
    );
  return errors;
}

function response(limit: LimitResponse | undefined, at: string): FieldError[] {
  const { type = '', queuing } = limit ?? {};
  const field = `${at}.queuing`;
  // Upstream's texts say "Limited" where they mean "Queue".
  if (type === 'Reject')
    return queuing === undefined
      ? []
      : [forbidden(field, 'must be nil if limited.limitResponse.type is not Limited')];
  if (type !== 'Queue') return oneOf(`${at}.type`, type, ['Queue', 'Reject']);
  return queuing === undefined
    ? [required(field, 'must not be empty if limited.limitResponse.type is Limited')]
    : queues(queuing, field);
}

const MAX_QUEUES = 10_000_000;

function queues(queuing: QueuingConfiguration, at: string): FieldError[] {
  const { queues: deck = 0, handSize: hand = 0, queueLengthLimit: length = 0 } = queuing;
  const errors: FieldError[] = [];
  if (length <= 0) errors.push(invalid(`${at}.queueLengthLimit`, length, 'must be positive'));
  if (deck <= 0) errors.push(invalid(`${at}.queues`, deck, 'must be positive'));
  else if (deck > MAX_QUEUES)
    errors.push(invalid(`${at}.queues`, deck, `must not be greater than ${MAX_QUEUES}`));
  if (hand <= 0) errors.push(invalid(`${at}.handSize`, hand, 'must be positive'));
  else if (hand > deck)
    errors.push(invalid(`${at}.handSize`, hand, `should not be greater than queues (${deck})`));
  else if (entropyBits(deck, hand) > maxEntropyBits)
    errors.push(
      invalid(
        `${at}.handSize`,
        hand,
        `required entropy bits of deckSize ${deck} and handSize ${hand} should not be greater than ${maxEntropyBits}`,
      ),
    );
  return errors;
}

function fixedLevel(spec: NonNullable<PriorityLevelConfiguration['spec']>, name: string): FieldError[] {
  const fixed = mandatoryLevelSpecs.get(name);
  if (fixed === undefined) return [];
  const isExempt = name === exemptName;
  if (same({ ...spec, ...(isExempt ? { exempt: fixed.exempt } : {}) }, fixed)) return [];
  const except = isExempt ? " except the 'spec.exempt' field" : '';
  return [invalid('spec', spec, `spec of '${name}'${except} must equal the fixed value`)];
}

function status({ status: now }: FlowSchema | PriorityLevelConfiguration): FieldError[] {
  const seen = new Set<string>();
  return (now?.conditions ?? []).flatMap(({ type = '' }, i) => {
    const field = `status.conditions[${i}].type`;
    const errors = seen.has(type) ? [duplicate(field, type)] : [];
    seen.add(type);
    return type === '' ? [...errors, required(field, 'must not be empty')] : errors;
  });
}

export const flowControlRules: Readonly<Record<string, Rules>> = {
  'flowcontrol.apiserver.k8s.io/v1/FlowSchema': rules(flowSchema, undefined, { subresources: { status } }),
  'flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration': rules(priorityLevel, undefined, {
    subresources: { status },
  }),
};
