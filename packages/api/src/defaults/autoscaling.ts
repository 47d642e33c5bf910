/** Defaults of horizontal pod autoscalers, in both versions. */
import type {
  AutoscalingV1HorizontalPodAutoscaler,
  HorizontalPodAutoscaler,
  HPAScalingPolicy,
  HPAScalingRules,
} from '../generated/types.ts';
import { METRICS_WANTED, PACE_WANTED, wantedFrom } from '../autoscaler-spec.ts';
import { CONDITIONS_SEEN, METRICS_SEEN } from '../autoscaler-status.ts';

const CPU_PERCENT = 80;
const UP: readonly HPAScalingPolicy[] = [
  { type: 'Pods', value: 4, periodSeconds: 15 },
  { type: 'Percent', value: 100, periodSeconds: 15 },
];
const DOWN: readonly HPAScalingPolicy[] = [{ type: 'Percent', value: 100, periodSeconds: 15 }];

export function defaultAutoscaler({ metadata, spec }: HorizontalPodAutoscaler): void {
  // They are no annotations in version 1, and so none here.
  const annotations = metadata?.annotations;
  if (annotations !== undefined) {
    for (const name of [METRICS_WANTED, PACE_WANTED, METRICS_SEEN, CONDITIONS_SEEN]) delete annotations[name];
    if (Object.keys(annotations).length === 0) delete metadata?.annotations;
  }
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

/** Version 1 has a field for one metric only; the others travel in an annotation. What nobody can read there is nothing. */
export function defaultOldAutoscaler({ metadata, spec }: AutoscalingV1HorizontalPodAutoscaler): void {
  if (spec === undefined) return;
  spec.minReplicas ??= 1;
  const annotations = metadata?.annotations;
  const { metrics, behavior } = wantedFrom(annotations ?? {}, undefined);
  if (metrics === undefined) {
    spec.targetCPUUtilizationPercentage ??= CPU_PERCENT;
    delete annotations?.[METRICS_WANTED];
  }
  if (behavior === undefined) delete annotations?.[PACE_WANTED];
}
