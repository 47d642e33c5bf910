/** Which nodes a pod may be on as its own spec says: node selectors with their requirements, and tolerated taints. Pure. */
import type {
  Node,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodSpec,
  Taint,
  Toleration,
} from './generated/types.ts';

/** By upstream's rules for empty keys, operators and effects. */
export function toleratesTaint(toleration: Toleration, taint: Taint): boolean {
  const { effect, key = '', operator = 'Equal', value = '' } = toleration;
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key === '') return operator === 'Exists';
  if (key !== taint.key) return false;
  return operator === 'Exists' || (operator === 'Equal' && value === (taint.value ?? ''));
}

/** The selector and the required part of the affinity; one term of the latter is enough. */
export function matchesRequiredNode(spec: Partial<PodSpec> | undefined, node: Node): boolean {
  const labels = node.metadata?.labels ?? {};
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return (
    Object.entries(spec?.nodeSelector ?? {}).every(([key, value]) => labels[key] === value) &&
    (required === undefined || required.nodeSelectorTerms.some((term) => matchesNodeTerm(term, node)))
  );
}

/** All requirements of a term must hold; an empty term matches nothing. */
export function matchesNodeTerm(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  const labels = node.metadata?.labels ?? {};
  return (
    matchExpressions.every((requirement) => holds(requirement, labels[requirement.key])) &&
    matchFields.every((requirement) =>
      holds(requirement, requirement.key === 'metadata.name' ? node.metadata?.name : undefined),
    )
  );
}

function holds({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}
