/** What may change of a pod after its creation: a pod that waits for its gates may still be led to fewer nodes. */
import type { NodeSelectorTerm, Pod, PodSpec, Toleration } from '../generated/types.ts';
import { same } from './checks.ts';
import { forbidden, invalid, required, type FieldError } from './field-error.ts';

const MAY_CHANGE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** Compares what is left when the parts that may change are set aside. */
export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const now = pod.spec;
  const before = old.spec;
  if (now === undefined || before === undefined) return [];
  if (now.containers.length !== before.containers.length) {
    return [forbidden('spec.containers', 'pod updates may not add or remove containers')];
  }
  if ((now.initContainers?.length ?? 0) !== (before.initContainers?.length ?? 0)) {
    return [forbidden('spec.initContainers', 'pod updates may not add or remove containers')];
  }
  const errors: FieldError[] = [];
  const deadline = now.activeDeadlineSeconds;
  const deadlineBefore = before.activeDeadlineSeconds;
  if (deadlineBefore !== undefined && (deadline === undefined || deadline > deadlineBefore)) {
    errors.push(
      invalid(
        'spec.activeDeadlineSeconds',
        deadline,
        deadline === undefined
          ? 'must not update from a positive integer to nil value'
          : `must be less than or equal to previous value`,
      ),
    );
  }
  if (
    !(before.tolerations ?? []).every((t) =>
      (now.tolerations ?? []).some((n) => same(withoutSeconds(n), withoutSeconds(t))),
    )
  ) {
    errors.push(
      forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'),
    );
  }
  if (!gatesOnlyRemoved(now, before)) {
    errors.push(
      forbidden('spec.schedulingGates', 'only deletion is allowed, but found new scheduling gates'),
    );
  }
  for (const list of ['containers', 'initContainers'] as const)
    for (const [i, { image }] of (now[list] ?? []).entries())
      if (!image) errors.push(required(`spec.${list}[${i}].image`));
  const isGated = (before.schedulingGates ?? []).length > 0;
  if (isGated) errors.push(...narrowed(now, before));
  const compared = isGated ? withPlaceOf(now, before) : now;
  if (!same(fixedPart(compared), fixedPart(before))) errors.push(forbidden('spec', MAY_CHANGE));
  return errors;
}

function withoutSeconds({ tolerationSeconds: _, ...rest }: Toleration): Toleration {
  return rest;
}

function gatesOnlyRemoved(now: PodSpec, before: PodSpec): boolean {
  const known = new Set((before.schedulingGates ?? []).map((gate) => gate.name));
  return (now.schedulingGates ?? []).every((gate) => known.has(gate.name));
}

function fixedPart(spec: PodSpec): unknown {
  const {
    activeDeadlineSeconds: _deadline,
    tolerations: _tolerations,
    schedulingGates: _gates,
    terminationGracePeriodSeconds: grace,
    ...rest
  } = spec;
  return {
    ...rest,
    // A negative period was accepted once and may be repaired.
    grace: grace !== undefined && grace < 0 ? 1 : grace,
    containers: spec.containers.map(({ image: _, ...container }) => container),
    initContainers: (spec.initContainers ?? []).map(({ image: _, ...container }) => container),
  };
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
