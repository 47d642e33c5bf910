/**
 * Labels that affinity and spreading name by their key only, such as `pod-template-hash`: a new pod's own values go into
 * the selectors, so that whoever places it needs the selectors alone.
 */
import type { LabelSelector, PodAffinity, PodAffinityTerm, PodSpec } from '@timonier/api';

type Labels = Readonly<Record<string, string>>;

/** Changes the spec in place. What has no selector matches nothing and stays as it is; so do labels the pod lacks. */
export function mergeLabelKeys(spec: PodSpec, labels: Labels): void {
  for (const group of [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity])
    for (const { labelSelector, matchLabelKeys, mismatchLabelKeys } of termsOf(group)) {
      merge(labelSelector, matchLabelKeys, 'In', labels);
      merge(labelSelector, mismatchLabelKeys, 'NotIn', labels);
    }
  for (const { labelSelector, matchLabelKeys } of spec.topologySpreadConstraints ?? [])
    merge(labelSelector, matchLabelKeys, 'In', labels);
}

function termsOf(group: PodAffinity | undefined): readonly PodAffinityTerm[] {
  return [
    ...(group?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(({ podAffinityTerm }) =>
      podAffinityTerm === undefined ? [] : [podAffinityTerm],
    ),
    ...(group?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
  ];
}

function merge(
  selector: LabelSelector | undefined,
  keys: readonly string[] = [],
  operator: 'In' | 'NotIn',
  labels: Labels,
): void {
  if (selector === undefined) return;
  const added = keys.flatMap((key) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  });
  if (added.length > 0) selector.matchExpressions = [...(selector.matchExpressions ?? []), ...added];
}
