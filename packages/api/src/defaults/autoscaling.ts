/** Defaults of horizontal pod autoscalers, in both versions. */
import type {
  AutoscalingV1HorizontalPodAutoscaler,
  HorizontalPodAutoscaler,
  HPAScalingPolicy,
  HPAScalingRules,
} from '../generated/types.ts';

const CPU_PERCENT = 80;
const UP: readonly HPAScalingPolicy[] = [
  { type: 'Pods', value: 4, periodSeconds: 15 },
  { type: 'Percent', value: 100, periodSeconds: 15 },
];
const DOWN: readonly HPAScalingPolicy[] = [{ type: 'Percent', value: 100, periodSeconds: 15 }];

export function defaultAutoscaler({ spec }: HorizontalPodAutoscaler): void {
  if (spec === undefined) return;
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0) {
    spec.metrics = [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: CPU_PERCENT } },
      },
    ];
  }
  // Only who says something about the pace gets the rest of it filled in.
  if (spec.behavior === undefined) return;
  spec.behavior.scaleUp = withRules({ stabilizationWindowSeconds: 0, ...spec.behavior.scaleUp }, UP);
  spec.behavior.scaleDown = withRules({ ...spec.behavior.scaleDown }, DOWN);
}

function withRules(rules: HPAScalingRules, policies: readonly HPAScalingPolicy[]): HPAScalingRules {
  rules.selectPolicy ??= 'Max';
  rules.policies ??= policies.map((policy) => ({ ...policy }));
  return rules;
}

/** Version 1 has a field for one metric only; the others travel in an annotation. */
export function defaultOldAutoscaler({ metadata, spec }: AutoscalingV1HorizontalPodAutoscaler): void {
  if (spec === undefined) return;
  spec.minReplicas ??= 1;
  const others = metadata?.annotations?.['autoscaling.alpha.kubernetes.io/metrics'];
  if (others === undefined) spec.targetCPUUtilizationPercentage ??= CPU_PERCENT;
}
