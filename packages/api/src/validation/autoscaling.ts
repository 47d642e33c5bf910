/** The rules of autoscalers and disruption budgets. */
import type {
  AutoscalingV1HorizontalPodAutoscaler,
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricSpec,
  MetricTarget,
  PodDisruptionBudget,
} from '../generated/types.ts';
import { isPercent } from '../int-or-string.ts';
import { checkPathSegment } from '../names.ts';
import { compareQuantities } from '../quantity.ts';
import { checkName, countOrPercent, labelSelector, nonNegative, oneOf, positive } from './checks.ts';
import { forbidden, invalid, required, type FieldError } from './field-error.ts';
import { rules, type Rules } from './rules.ts';

interface Bounds {
  readonly minReplicas?: number;
  readonly maxReplicas: number;
  readonly scaleTargetRef: CrossVersionObjectReference;
}

function bounds({ minReplicas, maxReplicas, scaleTargetRef }: Bounds): FieldError[] {
  const errors: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < 1)
    errors.push(invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
  errors.push(...positive('spec.maxReplicas', maxReplicas));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  for (const field of ['kind', 'name'] as const)
    errors.push(...checkName(`spec.scaleTargetRef.${field}`, scaleTargetRef?.[field], checkPathSegment));
  return errors;
}

function oldAutoscaler({ spec }: AutoscalingV1HorizontalPodAutoscaler): FieldError[] {
  if (spec === undefined) return [required('spec')];
  return [
    ...bounds(spec),
    ...positive('spec.targetCPUUtilizationPercentage', spec.targetCPUUtilizationPercentage),
  ];
}

function autoscaler({ spec }: HorizontalPodAutoscaler): FieldError[] {
  if (spec === undefined) return [required('spec')];
  return [
    ...bounds(spec),
    ...(spec.metrics ?? []).flatMap((metric, i) => metricSpec(metric, `spec.metrics[${i}]`)),
    ...pace(spec.behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...pace(spec.behavior?.scaleDown, 'spec.behavior.scaleDown'),
  ];
}

/** Where each type of metric says what it means. */
const SOURCES = {
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
  External: 'external',
} as const;

function metricSpec(metric: MetricSpec, at: string): FieldError[] {
  const errors = oneOf(`${at}.type`, metric.type, Object.keys(SOURCES), 'must specify a metric source type');
  if (errors.length > 0) return errors;
  const name = SOURCES[metric.type as keyof typeof SOURCES];
  const source = metric[name];
  const field = `${at}.${name}`;
  if (source === undefined) return [required(field, `must populate information for the given metric source`)];
  if (name === 'resource' || name === 'containerResource') {
    if (!(metric.resource ?? metric.containerResource)?.name)
      errors.push(required(`${field}.name`, 'must specify a resource name'));
    if (name === 'containerResource' && !metric.containerResource?.container)
      errors.push(required(`${field}.container`, 'must specify a container'));
  } else if (!(metric.object ?? metric.pods ?? metric.external)?.metric?.name) {
    errors.push(required(`${field}.metric.name`, 'must specify a metric name'));
  }
  errors.push(...metricTarget(source.target, `${field}.target`));
  if (name === 'pods' && source.target?.averageValue === undefined)
    errors.push(required(`${field}.target.averageValue`, 'must specify a positive target averageValue'));
  return errors;
}

function metricTarget(target: MetricTarget | undefined, at: string): FieldError[] {
  const types = ['Utilization', 'Value', 'AverageValue'];
  if (!target?.type) return [required(`${at}.type`, 'must specify a metric target type')];
  if (!types.includes(target.type))
    return [invalid(`${at}.type`, target.type, 'must be either Utilization, Value, or AverageValue')];
  const errors = positive(`${at}.averageUtilization`, target.averageUtilization);
  for (const field of ['value', 'averageValue'] as const) {
    const amount = target[field];
    if (amount !== undefined && compareQuantities(amount, '0') <= 0)
      errors.push(invalid(`${at}.${field}`, amount, 'must be positive'));
  }
  if (target.averageUtilization !== undefined && target.averageValue !== undefined)
    errors.push(
      forbidden(`${at}.averageValue`, 'may not set both a target raw value and a target utilization'),
    );
  if (
    target.averageUtilization === undefined &&
    target.value === undefined &&
    target.averageValue === undefined
  )
    errors.push(
      required(`${at}.averageUtilization`, 'must set either a target raw value or a target utilization'),
    );
  return errors;
}

const MAX_WINDOW = 3_600;
const MAX_PERIOD = 1_800;

function pace(rule: HPAScalingRules | undefined, at: string): FieldError[] {
  if (rule === undefined) return [];
  const window = rule.stabilizationWindowSeconds;
  const errors = nonNegative(`${at}.stabilizationWindowSeconds`, window);
  if (window !== undefined && window > MAX_WINDOW)
    errors.push(
      invalid(`${at}.stabilizationWindowSeconds`, window, `must be less than or equal to ${MAX_WINDOW}`),
    );
  if (rule.selectPolicy !== undefined)
    errors.push(...oneOf(`${at}.selectPolicy`, rule.selectPolicy, ['Disabled', 'Max', 'Min']));
  if ((rule.policies ?? []).length === 0)
    errors.push(required(`${at}.policies`, 'must specify at least one Policy'));
  for (const [i, policy] of (rule.policies ?? []).entries()) {
    const field = `${at}.policies[${i}]`;
    errors.push(...oneOf(`${field}.type`, policy.type, ['Percent', 'Pods']));
    for (const name of ['value', 'periodSeconds'] as const)
      if (policy[name] <= 0)
        errors.push(invalid(`${field}.${name}`, policy[name], 'must be greater than zero'));
    if (policy.periodSeconds > MAX_PERIOD)
      errors.push(
        invalid(
          `${field}.periodSeconds`,
          policy.periodSeconds,
          `must be less than or equal to ${MAX_PERIOD}`,
        ),
      );
  }
  return errors;
}

function budget({ spec }: PodDisruptionBudget): FieldError[] {
  if (spec === undefined) return [];
  const errors: FieldError[] = [];
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined)
    errors.push(invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
  for (const field of ['minAvailable', 'maxUnavailable'] as const) {
    const value = spec[field];
    errors.push(...countOrPercent(`spec.${field}`, value));
    if (typeof value === 'string' && isPercent(value) && Number(value.slice(0, -1)) > 100)
      errors.push(invalid(`spec.${field}`, value, 'must not be greater than 100%'));
  }
  if (spec.selector !== undefined) errors.push(...labelSelector('spec.selector', spec.selector));
  if (spec.unhealthyPodEvictionPolicy !== undefined)
    errors.push(
      ...oneOf('spec.unhealthyPodEvictionPolicy', spec.unhealthyPodEvictionPolicy, [
        'AlwaysAllow',
        'IfHealthyBudget',
      ]),
    );
  return errors;
}

export const autoscalingRules: Readonly<Record<string, Rules>> = {
  'autoscaling/v1/HorizontalPodAutoscaler': rules(oldAutoscaler),
  'autoscaling/v2/HorizontalPodAutoscaler': rules(autoscaler),
  'policy/v1/PodDisruptionBudget': rules(budget),
};
