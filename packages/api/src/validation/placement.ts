/** The rules of where a pod may run: affinity, spreading, tolerations, gates. */
import type {
  Affinity,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodSpec,
  Toleration,
  TopologySpreadConstraint,
} from '../generated/types.ts';
import { checkQualifiedName } from '../names.ts';
import { labelSelector } from './checks.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';

export function validatePlacement(spec: PodSpec, path: string): FieldError[] {
  return [
    ...(spec.tolerations ?? []).flatMap((one, i) => toleration(one, `${path}.tolerations[${i}]`)),
    ...(spec.affinity === undefined ? [] : affinity(spec.affinity, `${path}.affinity`)),
    ...spreading(spec.topologySpreadConstraints ?? [], `${path}.topologySpreadConstraints`),
    ...gates(spec.schedulingGates ?? [], `${path}.schedulingGates`),
  ];
}

function toleration(one: Toleration, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (one.key) {
    errors.push(...checkQualifiedName(one.key).map((text) => invalid(`${at}.key`, one.key, text)));
  } else if (one.operator !== 'Exists') {
    errors.push(
      invalid(
        `${at}.operator`,
        one.operator ?? '',
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  }
  if (one.tolerationSeconds !== undefined && one.effect !== 'NoExecute') {
    errors.push(
      invalid(`${at}.effect`, one.effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set"),
    );
  }
  if (one.operator === 'Exists' && one.value) {
    errors.push(invalid(`${at}.operator`, one, "value must be empty when `operator` is 'Exists'"));
  }
  return errors;
}

const IN_RANGE = 'must be in the range 1-100';

function affinity({ nodeAffinity, podAffinity, podAntiAffinity }: Affinity, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const needed = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (needed !== undefined) {
    const field = `${at}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`;
    const terms = needed.nodeSelectorTerms ?? [];
    if (terms.length === 0) errors.push(required(field, 'must have at least one node selector term'));
    for (const [i, term] of terms.entries()) errors.push(...nodeTerm(term, `${field}[${i}]`));
  }
  for (const [i, { weight, preference }] of (
    nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  ).entries()) {
    const field = `${at}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
    if (weight < 1 || weight > 100) errors.push(invalid(`${field}.weight`, weight, IN_RANGE));
    errors.push(...nodeTerm(preference, `${field}.preference`));
  }
  for (const [group, name] of [
    [podAffinity, 'podAffinity'],
    [podAntiAffinity, 'podAntiAffinity'],
  ] as const) {
    const base = `${at}.${name}`;
    for (const [i, term] of (group?.requiredDuringSchedulingIgnoredDuringExecution ?? []).entries())
      errors.push(...podTerm(term, `${base}.requiredDuringSchedulingIgnoredDuringExecution[${i}]`));
    for (const [i, { weight, podAffinityTerm }] of (
      group?.preferredDuringSchedulingIgnoredDuringExecution ?? []
    ).entries()) {
      const field = `${base}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
      if (weight < 1 || weight > 100) errors.push(invalid(`${field}.weight`, weight, IN_RANGE));
      errors.push(...podTerm(podAffinityTerm, `${field}.podAffinityTerm`));
    }
  }
  return errors;
}

/** Also of persistent volumes and other kinds that choose nodes. */
export function nodeTerm(term: NodeSelectorTerm | undefined, at: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of ['matchExpressions', 'matchFields'] as const) {
    for (const [i, { key, operator, values = [] }] of (term?.[list] ?? []).entries()) {
      const field = `${at}.${list}[${i}]`;
      if (operator === 'In' || operator === 'NotIn') {
        if (values.length === 0)
          errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      } else if (operator === 'Exists' || operator === 'DoesNotExist') {
        if (values.length > 0)
          errors.push(
            forbidden(
              `${field}.values`,
              "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
          );
      } else if (operator === 'Gt' || operator === 'Lt') {
        if (values.length !== 1)
          errors.push(
            required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"),
          );
      } else errors.push(invalid(`${field}.operator`, operator, 'not a valid selector operator'));
      if (list === 'matchExpressions')
        errors.push(...checkQualifiedName(key ?? '').map((text) => invalid(`${field}.key`, key, text)));
      else if (key !== 'metadata.name')
        errors.push(invalid(`${field}.key`, key, 'not a valid field selector key'));
    }
  }
  return errors;
}

function podTerm(term: PodAffinityTerm | undefined, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (term?.labelSelector !== undefined)
    errors.push(...labelSelector(`${at}.labelSelector`, term.labelSelector));
  if (term?.namespaceSelector !== undefined)
    errors.push(...labelSelector(`${at}.namespaceSelector`, term.namespaceSelector));
  const key = term?.topologyKey ?? '';
  if (key === '') return [...errors, required(`${at}.topologyKey`, 'can not be empty')];
  return [...errors, ...checkQualifiedName(key).map((text) => invalid(`${at}.topologyKey`, key, text))];
}

function spreading(list: readonly TopologySpreadConstraint[], path: string): FieldError[] {
  const seen = new Set<string>();
  return list.flatMap((constraint, i) => {
    const at = `${path}[${i}]`;
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains, labelSelector: selector } = constraint;
    const errors: FieldError[] = [];
    if (maxSkew <= 0) errors.push(invalid(`${at}.maxSkew`, maxSkew, 'must be greater than zero'));
    if (!topologyKey) errors.push(required(`${at}.topologyKey`, 'can not be empty'));
    const supported = ['DoNotSchedule', 'ScheduleAnyway'];
    if (!supported.includes(whenUnsatisfiable))
      errors.push(notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable, supported));
    if (minDomains !== undefined) {
      if (minDomains <= 0) errors.push(invalid(`${at}.minDomains`, minDomains, 'must be greater than zero'));
      if (whenUnsatisfiable !== 'DoNotSchedule')
        errors.push(
          invalid(
            `${at}.minDomains`,
            minDomains,
            `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
          ),
        );
    }
    if (selector !== undefined) errors.push(...labelSelector(`${at}.labelSelector`, selector));
    const pair = `{${topologyKey}, ${whenUnsatisfiable}}`;
    if (seen.has(pair)) errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, pair));
    seen.add(pair);
    return errors;
  });
}

function gates(list: readonly { readonly name: string }[], path: string): FieldError[] {
  const seen = new Set<string>();
  return list.flatMap(({ name }, i) => {
    const errors = checkQualifiedName(name ?? '').map((text) => invalid(`${path}[${i}]`, name, text));
    if (seen.has(name)) errors.push(duplicate(`${path}[${i}]`, name));
    seen.add(name);
    return errors;
  });
}
