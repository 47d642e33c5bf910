/** The rules of how pods are spread over zones, nodes and other places. */
import type { TopologySpreadConstraint } from '../generated/types.ts';
import { labelSelector } from './checks.ts';
import { duplicate, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { labelKeys } from './label-keys.ts';

const ACTIONS = ['DoNotSchedule', 'ScheduleAnyway'];
const POLICIES = ['Honor', 'Ignore'];
const POSITIVE = 'must be greater than zero';

export function validateSpreading(list: readonly TopologySpreadConstraint[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const lasts = new Map(list.map((constraint, i) => [pairOf(constraint), i]));
  for (const [i, constraint] of list.entries()) {
    const at = `${path}[${i}]`;
    const { topologyKey, whenUnsatisfiable: action } = constraint;
    const maxSkew = constraint.maxSkew ?? 0;
    if (maxSkew <= 0) errors.push(invalid(`${at}.maxSkew`, maxSkew, POSITIVE));
    if (!topologyKey) errors.push(required(`${at}.topologyKey`, 'can not be empty'));
    if (!ACTIONS.includes(action))
      errors.push(notSupported(`${at}.whenUnsatisfiable`, action ?? '', ACTIONS));
    if (lasts.get(pairOf(constraint)) !== i)
      errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${action}}`));
    errors.push(...minDomains(constraint, `${at}.minDomains`));
    for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[field];
      if (policy !== undefined && !POLICIES.includes(policy))
        errors.push(notSupported(`${at}.${field}`, policy, POLICIES));
    }
    errors.push(...labelKeys(constraint.matchLabelKeys ?? [], [], constraint.labelSelector, at));
    if (constraint.labelSelector !== undefined)
      errors.push(...labelSelector(`${at}.labelSelector`, constraint.labelSelector));
  }
  return errors;
}

/** Of several constraints with one of these all but the last are told. */
function pairOf({ topologyKey, whenUnsatisfiable }: TopologySpreadConstraint): string {
  return JSON.stringify([topologyKey, whenUnsatisfiable]);
}

function minDomains(
  { minDomains: count, whenUnsatisfiable }: TopologySpreadConstraint,
  field: string,
): FieldError[] {
  if (count === undefined) return [];
  const errors = count > 0 ? [] : [invalid(field, count, POSITIVE)];
  if (whenUnsatisfiable !== 'DoNotSchedule')
    errors.push(
      invalid(
        field,
        count,
        `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
      ),
    );
  return errors;
}
