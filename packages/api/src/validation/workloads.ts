/** The rules of the kinds that keep pods running. */
import type {
  DaemonSet,
  Deployment,
  LabelSelector,
  PodTemplateSpec,
  ReplicaSet,
  StatefulSet,
} from '../generated/types.ts';
import { selectorMatches } from '../label-selector.ts';
import { countOrPercent, immutable, labelSelector, nonNegative } from './checks.ts';
import { forbidden, invalid, required, type FieldError } from './field-error.ts';
import { validatePodTemplate } from './pod.ts';

function selectorAndTemplate(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  kind: string,
  volumes: readonly string[] = [],
): FieldError[] {
  const errors: FieldError[] = [];
  if (selector === undefined) {
    errors.push(required('spec.selector'));
  } else {
    const problems = labelSelector('spec.selector', selector);
    errors.push(...problems);
    if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0) {
      errors.push(invalid('spec.selector', selector, `empty selector is invalid for ${kind}`));
    } else if (problems.length === 0 && !selectorMatches(selector, template?.metadata?.labels)) {
      errors.push(
        invalid(
          'spec.template.metadata.labels',
          template?.metadata?.labels,
          '`selector` does not match template `labels`',
        ),
      );
    }
  }
  errors.push(...validatePodTemplate(template, 'spec.template', ['Always'], volumes));
  return errors;
}

export function validateDeployment({ spec }: Deployment): FieldError[] {
  if (spec === undefined) return [required('spec')];
  const errors = nonNegative('spec.replicas', spec.replicas);
  errors.push(...selectorAndTemplate(spec.selector, spec.template, 'deployment'));
  errors.push(...nonNegative('spec.minReadySeconds', spec.minReadySeconds));
  errors.push(...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit));
  const deadline = spec.progressDeadlineSeconds;
  errors.push(...nonNegative('spec.progressDeadlineSeconds', deadline));
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0)) {
    errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  }
  const rolling = spec.strategy?.rollingUpdate;
  if (spec.strategy?.type === 'Recreate') {
    if (rolling !== undefined) {
      errors.push(
        forbidden('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"),
      );
    }
  } else if (rolling !== undefined) {
    const at = 'spec.strategy.rollingUpdate';
    errors.push(...countOrPercent(`${at}.maxUnavailable`, rolling.maxUnavailable));
    errors.push(...countOrPercent(`${at}.maxSurge`, rolling.maxSurge));
    if (isZero(rolling.maxUnavailable) && isZero(rolling.maxSurge)) {
      errors.push(
        invalid(`${at}.maxUnavailable`, rolling.maxUnavailable, 'may not be 0 when `maxSurge` is 0'),
      );
    }
  }
  return errors;
}

function isZero(value: number | string | undefined): boolean {
  return value === 0 || value === '0%';
}

export function validateReplicaSet({ spec }: ReplicaSet): FieldError[] {
  if (spec === undefined) return [required('spec')];
  return [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...selectorAndTemplate(spec.selector, spec.template, 'replicaset'),
  ];
}

export function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
  if (spec === undefined) return [required('spec')];
  return [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...selectorAndTemplate(spec.selector, spec.template, 'statefulset', claimNames(spec)),
  ];
}

/** Every pod of a stateful set has a volume for each of its claims. */
function claimNames(spec: NonNullable<StatefulSet['spec']>): string[] {
  return (spec.volumeClaimTemplates ?? []).flatMap(({ metadata }) => metadata?.name ?? []);
}

export function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  if (spec === undefined) return [required('spec')];
  return [
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...selectorAndTemplate(spec.selector, spec.template, 'daemonset'),
  ];
}

interface WithSelector {
  spec?: { selector?: LabelSelector };
}

/** The selector says which pods belong; changing it would lose them. */
export function validateSelectorUpdate(object: WithSelector, old: WithSelector): FieldError[] {
  return immutable('spec.selector', object.spec?.selector, old.spec?.selector);
}
