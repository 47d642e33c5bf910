/** The rules of where a pod may run: affinity and tolerations; also of other kinds that choose nodes. */
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Toleration,
} from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkLabelValue } from '../names.ts';
import {
  invalidBy,
  labelSelector,
  NEEDS_VALUES,
  NO_OPERATOR,
  qualifiedName,
  TAKES_NO_VALUES,
} from './checks.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { labelKeys } from './label-keys.ts';

export const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function validateTolerations(list: readonly Toleration[], path: string): FieldError[] {
  return list.flatMap((one, i) => toleration(one, `${path}[${i}]`));
}

function toleration(one: Toleration, at: string): FieldError[] {
  const { key, operator = '', value = '', effect = '', tolerationSeconds } = one;
  const errors: FieldError[] = [];
  if (key) errors.push(...qualifiedName(`${at}.key`, key));
  else if (operator !== 'Exists')
    errors.push(
      invalid(
        `${at}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  if (tolerationSeconds !== undefined && effect !== 'NoExecute')
    errors.push(
      invalid(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"),
    );
  if (operator === 'Equal' || operator === '') {
    const texts = checkLabelValue(value);
    if (texts.length > 0) errors.push(invalid(`${at}.operator`, value, texts.join(';')));
  } else if (operator === 'Exists') {
    if (value)
      errors.push(invalid(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'"));
  } else errors.push(notSupported(`${at}.operator`, operator, ['Equal', 'Exists']));
  if (effect !== '' && !EFFECTS.includes(effect)) errors.push(notSupported(`${at}.effect`, effect, EFFECTS));
  return errors;
}

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

function weighed(field: string, weight: number): FieldError[] {
  return weight >= 1 && weight <= 100 ? [] : [invalid(field, weight, 'must be in the range 1-100')];
}

export function validateAffinity(
  { nodeAffinity, podAffinity, podAntiAffinity }: Affinity,
  at: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const needed = nodeAffinity?.[REQUIRED];
  if (needed !== undefined) errors.push(...nodeSelector(needed, `${at}.nodeAffinity.${REQUIRED}`));
  for (const [i, { weight, preference }] of (nodeAffinity?.[PREFERRED] ?? []).entries()) {
    const field = `${at}.nodeAffinity.${PREFERRED}[${i}]`;
    errors.push(...weighed(`${field}.weight`, weight));
    errors.push(...nodeTerm(preference, `${field}.preference`, false));
  }
  errors.push(...podTerms(podAffinity, `${at}.podAffinity`));
  errors.push(...podTerms(podAntiAffinity, `${at}.podAntiAffinity`));
  return errors;
}

export function nodeSelector(
  { nodeSelectorTerms: terms = [] }: Partial<NodeSelector>,
  at: string,
): FieldError[] {
  const path = `${at}.nodeSelectorTerms`;
  if (terms.length === 0) return [required(path, 'must have at least one node selector term')];
  return terms.flatMap((term, i) => nodeTerm(term, `${path}[${i}]`, true));
}

/** Values of what is only preferred are not looked at: with one node even a wrong one does. */
function nodeTerm(term: NodeSelectorTerm | undefined, at: string, isStrict: boolean): FieldError[] {
  return [
    ...(term?.matchExpressions ?? []).flatMap((one, i) =>
      byLabel(one, `${at}.matchExpressions[${i}]`, isStrict),
    ),
    ...(term?.matchFields ?? []).flatMap((one, i) => byField(one, `${at}.matchFields[${i}]`)),
  ];
}

function byLabel(one: NodeSelectorRequirement, at: string, isStrict: boolean): FieldError[] {
  const { key, operator, values = [] } = one;
  const errors: FieldError[] = [];
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) errors.push(required(`${at}.values`, NEEDS_VALUES));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) errors.push(forbidden(`${at}.values`, TAKES_NO_VALUES));
  } else if (operator === 'Gt' || operator === 'Lt') {
    if (values.length !== 1)
      errors.push(required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
  } else errors.push(invalid(`${at}.operator`, operator, NO_OPERATOR));
  errors.push(...qualifiedName(`${at}.key`, key));
  if (isStrict)
    for (const [i, value] of values.entries())
      errors.push(...invalidBy(checkLabelValue(value), `${at}.values[${i}]`, value));
  return errors;
}

function byField({ key, operator, values = [] }: NodeSelectorRequirement, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn')
    errors.push(invalid(`${at}.operator`, operator, NO_OPERATOR));
  else if (values.length !== 1)
    errors.push(
      required(
        `${at}.values`,
        "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
      ),
    );
  if (key !== 'metadata.name')
    return [...errors, invalid(`${at}.key`, key, 'not a valid field selector key')];
  for (const [i, value] of values.entries())
    errors.push(...invalidBy(checkDns1123Subdomain(value), `${at}.values[${i}]`, value));
  return errors;
}

function podTerms(group: PodAffinity | undefined, at: string): FieldError[] {
  if (group === undefined) return [];
  const errors: FieldError[] = [];
  for (const [i, term] of (group[REQUIRED] ?? []).entries())
    errors.push(...podTerm(term, `${at}.${REQUIRED}[${i}]`));
  for (const [i, { weight, podAffinityTerm }] of (group[PREFERRED] ?? []).entries()) {
    const field = `${at}.${PREFERRED}[${i}]`;
    errors.push(...weighed(`${field}.weight`, weight));
    errors.push(...podTerm(podAffinityTerm, `${field}.podAffinityTerm`));
  }
  return errors;
}

function podTerm(term: PodAffinityTerm | undefined, at: string): FieldError[] {
  const { labelSelector: selector, namespaceSelector, namespaces = [], topologyKey = '' } = term ?? {};
  const errors: FieldError[] = [];
  if (selector !== undefined) errors.push(...labelSelector(`${at}.labelSelector`, selector));
  if (namespaceSelector !== undefined)
    errors.push(...labelSelector(`${at}.namespaceSelector`, namespaceSelector));
  for (const name of namespaces) errors.push(...invalidBy(checkDns1123Label(name), `${at}.namespace`, name));
  errors.push(...labelKeys(term?.matchLabelKeys ?? [], term?.mismatchLabelKeys ?? [], selector, at));
  if (topologyKey === '') errors.push(required(`${at}.topologyKey`, 'can not be empty'));
  return [...errors, ...qualifiedName(`${at}.topologyKey`, topologyKey)];
}
