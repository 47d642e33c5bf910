/** Whether a pod or a claim is of a scope that a quota counts. The other kinds are of no scope. */
import type {
  Pod,
  PodAffinityTerm,
  PersistentVolumeClaim,
  ResourceQuotaSpec,
  ScopedResourceSelectorRequirement,
} from '../generated/types.ts';
import { qualityOfService } from '../pod-quality.ts';

export type Scope = ScopedResourceSelectorRequirement;

/** All scopes of a quota, in the form of its selector. */
export function scopesOf(spec: ResourceQuotaSpec | undefined): readonly Scope[] {
  return [
    ...(spec?.scopes ?? []).map((scopeName): Scope => ({ scopeName, operator: 'Exists' })),
    ...(spec?.scopeSelector?.matchExpressions ?? []),
  ];
}

export function podHasScope(pod: Pod, scope: Scope): boolean {
  switch (scope.scopeName) {
    case 'Terminating':
      return isTerminating(pod);
    case 'NotTerminating':
      return !isTerminating(pod);
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass':
      return isSelected(scope, present(pod.spec?.priorityClassName));
    case 'CrossNamespacePodAffinity':
      return looksIntoOtherNamespaces(pod);
    default:
      return false;
  }
}

/** By the class that a claim has, is to have, or is being given. */
export function claimHasScope({ spec, status }: PersistentVolumeClaim, scope: Scope): boolean {
  if (scope.scopeName !== 'VolumeAttributesClass') return false;
  const names = [
    ...present(spec?.volumeAttributesClassName),
    ...present(status?.currentVolumeAttributesClassName),
    ...present(status?.modifyVolumeStatus?.targetVolumeAttributesClassName),
  ];
  return names.length === 0 ? isSelected(scope, []) : names.some((name) => isSelected(scope, [name]));
}

function present(name: string | undefined): string[] {
  return name === undefined || name === '' ? [] : [name];
}

/** `name` has one element, or none when the object names nothing. */
function isSelected({ operator, values = [] }: Scope, name: readonly string[]): boolean {
  switch (operator) {
    case 'Exists':
      return name.length > 0;
    case 'DoesNotExist':
      return name.length === 0;
    case 'In':
      return name.some((one) => values.includes(one));
    case 'NotIn':
      return !name.some((one) => values.includes(one));
    default:
      return false;
  }
}

/** Whether a pod ends by itself, as the scopes `Terminating` and `NotTerminating` see it. */
export function isTerminating({ spec }: Pod): boolean {
  return spec?.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds >= 0;
}

function isBestEffort({ spec, status }: Pod): boolean {
  const known = status?.qosClass ?? '';
  return (known === '' && spec !== undefined ? qualityOfService(spec) : known) === 'BestEffort';
}

function looksIntoOtherNamespaces({ spec }: Pod): boolean {
  const kinds = [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity];
  const terms = kinds.flatMap((affinity): (PodAffinityTerm | undefined)[] => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm }) => podAffinityTerm,
    ),
  ]);
  return terms.some((term) => (term?.namespaces ?? []).length > 0 || term?.namespaceSelector !== undefined);
}
