/** What may change of a pod after its creation: a pod that waits for its gates may still be led to fewer nodes. */
import type { NodeSelectorTerm, Pod, PodSpec, Toleration } from '../generated/types.ts';
import { textOfJson } from '../same-json.ts';
import { inRange, same, sizeOf } from './checks.ts';
import { forbidden, invalid, required, type FieldError } from './field-error.ts';

const MAY_CHANGE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** Compares what is left when the parts that may change are set aside. */
export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const now = pod.spec;
  const before = old.spec;
  if (now === undefined || before === undefined) return [];
  const errors: FieldError[] = [];
  for (const list of ['containers', 'initContainers'] as const) {
    if ((now[list] ?? []).length !== (before[list] ?? []).length)
      return [...errors, forbidden(`spec.${list}`, 'pod updates may not add or remove containers')];
    for (const [i, { image = '' }] of (now[list] ?? []).entries()) {
      const field = `spec.${list}[${i}].image`;
      if (image === '') errors.push(required(field));
      if (image.trim() !== image)
        errors.push(invalid(field, image, 'must not have leading or trailing whitespace'));
    }
  }
  const { activeDeadlineSeconds: deadline } = now;
  if (deadline !== undefined) {
    const field = 'spec.activeDeadlineSeconds';
    const range = inRange(field, deadline, 0, MAX_INT32);
    if (range.length > 0) return [...errors, ...range];
    if (before.activeDeadlineSeconds !== undefined && deadline > before.activeDeadlineSeconds)
      return [...errors, invalid(field, deadline, 'must be less than or equal to previous value')];
  } else if (before.activeDeadlineSeconds !== undefined)
    errors.push(
      invalid(
        'spec.activeDeadlineSeconds',
        undefined,
        'must not update from a positive integer to nil value',
      ),
    );
  errors.push(...onlyAdded(now.tolerations ?? [], before.tolerations ?? []));
  const gates = new Set((before.schedulingGates ?? []).map(({ name }) => name));
  for (const [i, { name }] of (now.schedulingGates ?? []).entries())
    if (!gates.has(name))
      errors.push(
        forbidden(
          `spec.schedulingGates[${i}].name`,
          `only deletion is allowed, but found new scheduling gate '${name}'`,
        ),
      );
  if (same(now, before)) return errors;
  const isGated = gates.size > 0;
  if (isGated) errors.push(...narrowed(now, before));
  const compared = isGated ? withPlaceOf(now, before) : now;
  if (!same(fixedPart(compared), fixedPart(before)) || !sameGrace(now, before))
    errors.push(forbidden('spec', MAY_CHANGE));
  return errors;
}

const MAX_INT32 = 2_147_483_647;

function onlyAdded(now: readonly Toleration[], before: readonly Toleration[]): FieldError[] {
  if (now === before || same(now, before)) return [];
  const all = new Set(now.map((one) => textOfJson(withoutSeconds(one))));
  if (before.every((old) => all.has(textOfJson(withoutSeconds(old))))) return [];
  return [
    forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'),
  ];
}

function withoutSeconds({ tolerationSeconds: _, ...rest }: Toleration): Toleration {
  return rest;
}

function fixedPart(spec: PodSpec): unknown {
  const {
    activeDeadlineSeconds: _deadline,
    tolerations: _tolerations,
    schedulingGates: _gates,
    terminationGracePeriodSeconds: _grace,
    ...rest
  } = spec;
  return {
    ...rest,
    containers: spec.containers.map(({ image: _, ...container }) => container),
    initContainers: (spec.initContainers ?? []).map(({ image: _, ...container }) => container),
  };
}

/** A negative period was accepted once and may be repaired. */
function sameGrace(now: PodSpec, before: PodSpec): boolean {
  const [grace, old] = [now.terminationGracePeriodSeconds, before.terminationGracePeriodSeconds];
  return same(grace, old) || (old !== undefined && sizeOf(old) < 0 && grace === 1);
}

const ONLY_ADDITIONS = 'only additions are allowed (no mutations or deletions)';

/** A gated pod's choice of nodes only becomes narrower. */
function narrowed(now: PodSpec, before: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (Object.entries(before.nodeSelector ?? {}).some(([key, value]) => now.nodeSelector?.[key] !== value))
    errors.push(
      invalid(
        'spec.nodeSelector',
        now.nodeSelector ?? {},
        'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
      ),
    );
  const field = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  const [terms, old] = [termsOf(now), termsOf(before)];
  if (old.length === 0) return errors;
  if (terms.length !== old.length)
    return [
      ...errors,
      invalid(field, terms, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed'),
    ];
  for (const [i, term] of terms.entries())
    if (!hasAll(term, old[i])) errors.push(invalid(`${field}[${i}]`, term, ONLY_ADDITIONS));
  return errors;
}

function termsOf({ affinity }: PodSpec): readonly NodeSelectorTerm[] {
  return affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
}

/** What was asked for before still is, in its place. An empty term matched nothing, and must not begin to match. */
function hasAll(now: NodeSelectorTerm, before: NodeSelectorTerm = {}): boolean {
  const lists = ['matchExpressions', 'matchFields'] as const;
  if (lists.every((list) => (before[list] ?? []).length === 0)) return same(now, before);
  return lists.every((list) => (before[list] ?? []).every((wanted, i) => same(now[list]?.[i], wanted)));
}

/** The new spec with the old choice of nodes, which has been looked at. */
function withPlaceOf(now: PodSpec, { nodeSelector, affinity }: PodSpec): PodSpec {
  const { nodeSelector: _selector, affinity: given, ...rest } = now;
  const { nodeAffinity: _nodes, ...others } = given ?? {};
  const old = affinity?.nodeAffinity;
  const merged = old === undefined ? others : { ...others, nodeAffinity: old };
  const isEmpty = Object.values(merged).every((value) => value === undefined);
  return {
    ...rest,
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(isEmpty && affinity === undefined ? {} : { affinity: merged }),
  };
}
