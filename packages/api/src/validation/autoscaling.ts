/** The rules of autoscalers and disruption budgets. */
import type {
  AutoscalingV1HorizontalPodAutoscaler,
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricSpec,
  PodDisruptionBudget,
} from '../generated/types.ts';
import { wantedFrom } from '../autoscaler-spec.ts';
import { checkPathSegment } from '../names.ts';
import { compareQuantities } from '../quantity.ts';
import { checkName, countOrPercent, labelSelector, nonNegative, notAboveAll } from './checks.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { validateMetrics } from './metric-sources.ts';
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
  if (!maxReplicas) errors.push(required('spec.maxReplicas', 'must be set and greater than 0'));
  else if (maxReplicas < 1)
    errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1'));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  for (const field of ['kind', 'name'] as const)
    errors.push(...checkName(`spec.scaleTargetRef.${field}`, scaleTargetRef?.[field], checkPathSegment));
  errors.push(...targetVersion('spec.scaleTargetRef.apiVersion', scaleTargetRef));
  return errors;
}

/** Of the core group only ReplicationControllers can be scaled. */
function targetVersion(field: string, reference: CrossVersionObjectReference | undefined): FieldError[] {
  const { apiVersion = '', kind } = reference ?? {};
  if (apiVersion.split('/').length > 2)
    return [invalid(field, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
  const hasGroup = apiVersion.indexOf('/') > 0;
  if (hasGroup || kind === 'ReplicationController') return [];
  return [invalid(field, apiVersion, 'apiVersion must specify API group')];
}

/** As upstream, which judges the newer version that it is read as, and names its fields. */
function oldAutoscaler({ metadata, spec }: AutoscalingV1HorizontalPodAutoscaler): FieldError[] {
  if (spec === undefined) return [required('spec')];
  const { targetCPUUtilizationPercentage: percentage, ...bounds } = spec;
  return autoscaler({ spec: { ...bounds, ...wantedFrom(metadata?.annotations ?? {}, percentage) } });
}

/** What has no pods cannot tell by them when it needs some. */
function toZero(minReplicas: number | undefined, metrics: readonly MetricSpec[]): FieldError[] {
  return minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')
    ? [
        forbidden(
          'spec.metrics',
          'must specify at least one Object or External metric to support scaling to zero replicas',
        ),
      ]
    : [];
}

function autoscaler({ spec }: Pick<HorizontalPodAutoscaler, 'spec'>): FieldError[] {
  if (spec === undefined) return [required('spec')];
  return [
    ...bounds(spec),
    ...validateMetrics(spec.metrics ?? [], 'spec.metrics'),
    ...toZero(spec.minReplicas, spec.metrics ?? []),
    ...pace(spec.behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...pace(spec.behavior?.scaleDown, 'spec.behavior.scaleDown'),
  ];
}

const MAX_WINDOW = 3_600;
const MAX_PERIOD = 1_800;

function pace(rule: HPAScalingRules | undefined, at: string): FieldError[] {
  if (rule === undefined) return [];
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rule;
  const errors: FieldError[] = [];
  const field = `${at}.stabilizationWindowSeconds`;
  if (window !== undefined && window < 0)
    errors.push(invalid(field, window, 'must be greater than or equal to zero'));
  if (window !== undefined && window > MAX_WINDOW)
    errors.push(invalid(field, window, `must be less than or equal to ${MAX_WINDOW}`));
  if (selectPolicy !== undefined && !SELECTIONS.includes(selectPolicy))
    errors.push(notSupported(`${at}.selectPolicy`, selectPolicy, SELECTIONS));
  if (policies.length === 0) errors.push(required(`${at}.policies`, 'must specify at least one Policy'));
  for (const [i, { type, value, periodSeconds }] of policies.entries()) {
    const one = `${at}.policies[${i}]`;
    if (!PACES.includes(type)) errors.push(notSupported(`${one}.type`, type, PACES));
    if (value <= 0) errors.push(invalid(`${one}.value`, value, 'must be greater than zero'));
    if (periodSeconds <= 0)
      errors.push(invalid(`${one}.periodSeconds`, periodSeconds, 'must be greater than zero'));
    if (periodSeconds > MAX_PERIOD)
      errors.push(
        invalid(`${one}.periodSeconds`, periodSeconds, `must be less than or equal to ${MAX_PERIOD}`),
      );
  }
  if (tolerance !== undefined && compareQuantities(tolerance, '0') < 0)
    errors.push(invalid(`${at}.tolerance`, tolerance, 'must be greater than or equal to 0'));
  return errors;
}

const SELECTIONS = ['Disabled', 'Max', 'Min'];
const PACES = ['Percent', 'Pods'];

interface Scaled {
  readonly status?: { readonly currentReplicas?: number; readonly desiredReplicas?: number };
}

function autoscalerStatus({ status }: Scaled): FieldError[] {
  return [
    ...nonNegative('status.currentReplicas', status?.currentReplicas),
    ...nonNegative('status.desiredReplicas', status?.desiredReplicas),
  ];
}

function budget({ spec }: PodDisruptionBudget): FieldError[] {
  if (spec === undefined) return [];
  const errors: FieldError[] = [];
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined)
    errors.push(invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
  for (const field of ['minAvailable', 'maxUnavailable'] as const) {
    const value = spec[field];
    errors.push(...countOrPercent(`spec.${field}`, value));
    errors.push(...notAboveAll(`spec.${field}`, value));
  }
  if (spec.selector !== undefined) errors.push(...labelSelector('spec.selector', spec.selector));
  const policy = spec.unhealthyPodEvictionPolicy;
  if (policy !== undefined && !EVICTION_POLICIES.includes(policy))
    errors.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, EVICTION_POLICIES));
  return errors;
}

const EVICTION_POLICIES = ['AlwaysAllow', 'IfHealthyBudget'];

function budgetStatus({ status }: PodDisruptionBudget): FieldError[] {
  return (['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const).flatMap(
    (name) => nonNegative(`status.${name}`, status?.[name]),
  );
}

export const autoscalingRules: Readonly<Record<string, Rules>> = {
  'autoscaling/v1/HorizontalPodAutoscaler': rules(oldAutoscaler, undefined, {
    subresources: { status: autoscalerStatus },
  }),
  'autoscaling/v2/HorizontalPodAutoscaler': rules(autoscaler, undefined, {
    subresources: { status: autoscalerStatus },
  }),
  'policy/v1/PodDisruptionBudget': rules(budget, undefined, {
    metadataLast: true,
    subresources: { status: budgetStatus },
  }),
};
