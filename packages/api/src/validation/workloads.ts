/** The rules of the kinds that keep pods running. */
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  LabelSelector,
  PodTemplate,
  PodTemplateSpec,
  ReplicaSet,
  ReplicationController,
  StatefulSet,
} from '../generated/types.ts';
import { isPercent } from '../int-or-string.ts';
import { selectorMatches } from '../label-selector.ts';
import { countOrPercent, immutable, labelSelector, nonNegative, oneOf, same } from './checks.ts';
import { forbidden, invalid, required, type FieldError } from './field-error.ts';
import { validatePodTemplate } from './pod.ts';
import { rules, type Rules } from './rules.ts';

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

function validateDeployment({ spec }: Deployment): FieldError[] {
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
    errors.push(...notAboveAll(`${at}.maxUnavailable`, rolling.maxUnavailable));
    if (isZero(rolling.maxUnavailable) && isZero(rolling.maxSurge)) {
      errors.push(
        invalid(`${at}.maxUnavailable`, rolling.maxUnavailable, 'may not be 0 when `maxSurge` is 0'),
      );
    }
  }
  return errors;
}

function notAboveAll(field: string, value: number | string | undefined): FieldError[] {
  return typeof value === 'string' && isPercent(value) && Number(value.slice(0, -1)) > 100
    ? [invalid(field, value, 'must not be greater than 100%')]
    : [];
}

function isZero(value: number | string | undefined): boolean {
  return value === 0 || value === '0%';
}

function validateReplicaSet({ spec }: ReplicaSet): FieldError[] {
  if (spec === undefined) return [required('spec')];
  return [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...selectorAndTemplate(spec.selector, spec.template, 'replicaset'),
  ];
}

function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
  if (spec === undefined) return [required('spec')];
  return [
    ...oneOf('spec.podManagementPolicy', spec.podManagementPolicy, ['OrderedReady', 'Parallel']).map(
      (error) =>
        error.type === 'Required'
          ? error
          : invalid(error.field, error.badValue, "must be 'OrderedReady' or 'Parallel'"),
    ),
    ...oneOf('spec.updateStrategy.type', spec.updateStrategy?.type, ['OnDelete', 'RollingUpdate']).map(
      (error) =>
        error.type === 'Required'
          ? error
          : invalid('spec.updateStrategy', spec.updateStrategy, "must be 'RollingUpdate' or 'OnDelete'"),
    ),
    ...nonNegative(
      'spec.updateStrategy.rollingUpdate.partition',
      spec.updateStrategy?.rollingUpdate?.partition,
    ),
    ...statefulUpdates(spec),
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.ordinals.start', spec.ordinals?.start),
    ...selectorAndTemplate(spec.selector, spec.template, 'statefulset', claimNames(spec)),
  ];
}

function statefulUpdates({ updateStrategy }: NonNullable<StatefulSet['spec']>): FieldError[] {
  const at = 'spec.updateStrategy.rollingUpdate';
  const rolling = updateStrategy?.rollingUpdate;
  if (rolling === undefined) return [];
  if (updateStrategy?.type === 'OnDelete')
    return [invalid(at, rolling, `only allowed for updateStrategy 'RollingUpdate'`)];
  const { maxUnavailable } = rolling;
  const errors = countOrPercent(`${at}.maxUnavailable`, maxUnavailable);
  if (errors.length === 0 && isZero(maxUnavailable))
    errors.push(invalid(`${at}.maxUnavailable`, maxUnavailable, 'cannot be 0'));
  return [...errors, ...notAboveAll(`${at}.maxUnavailable`, maxUnavailable)];
}

/** Every pod of a stateful set has a volume for each of its claims. */
function claimNames(spec: NonNullable<StatefulSet['spec']>): string[] {
  return (spec.volumeClaimTemplates ?? []).flatMap(({ metadata }) => metadata?.name ?? []);
}

function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  if (spec === undefined) return [required('spec')];
  const errors = [
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...selectorAndTemplate(spec.selector, spec.template, 'daemonset'),
  ];
  const at = 'spec.updateStrategy';
  errors.push(...oneOf(`${at}.type`, spec.updateStrategy?.type, ['OnDelete', 'RollingUpdate']));
  const rolling = spec.updateStrategy?.rollingUpdate;
  if (spec.updateStrategy?.type !== 'RollingUpdate') return errors;
  if (rolling === undefined) return [...errors, required(`${at}.rollingUpdate`)];
  errors.push(...countOrPercent(`${at}.rollingUpdate.maxUnavailable`, rolling.maxUnavailable));
  errors.push(...countOrPercent(`${at}.rollingUpdate.maxSurge`, rolling.maxSurge));
  errors.push(...notAboveAll(`${at}.rollingUpdate.maxUnavailable`, rolling.maxUnavailable));
  errors.push(...notAboveAll(`${at}.rollingUpdate.maxSurge`, rolling.maxSurge));
  const [out, extra] = [isZero(rolling.maxUnavailable), isZero(rolling.maxSurge)];
  if (out && extra)
    errors.push(
      invalid(`${at}.rollingUpdate.maxUnavailable`, rolling.maxUnavailable, 'cannot be 0 when maxSurge is 0'),
    );
  if (!out && !extra)
    errors.push(
      invalid(
        `${at}.rollingUpdate.maxSurge`,
        rolling.maxSurge,
        'may not be set when maxUnavailable is non-zero',
      ),
    );
  return errors;
}

interface WithSelector {
  spec?: { selector?: LabelSelector };
}

/** The selector says which pods belong; changing it would lose them. */
function validateSelectorUpdate(object: WithSelector, old: WithSelector): FieldError[] {
  return immutable('spec.selector', object.spec?.selector, old.spec?.selector);
}

const STATEFUL_MAY_CHANGE =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

function validateStatefulSetUpdate({ spec }: StatefulSet, { spec: before }: StatefulSet): FieldError[] {
  if (spec === undefined || before === undefined) return [];
  const fixed = ['selector', 'serviceName', 'podManagementPolicy', 'volumeClaimTemplates'] as const;
  const isSame = fixed.every((field) => same(spec[field], before[field]));
  return isSame ? [] : [forbidden('spec', STATEFUL_MAY_CHANGE)];
}

function validateController({ spec }: ReplicationController): FieldError[] {
  if (spec === undefined) return [required('spec')];
  const selector = spec.selector ?? {};
  const errors = [
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.replicas', spec.replicas),
  ];
  if (Object.keys(selector).length === 0) errors.push(required('spec.selector'));
  if (spec.template === undefined) return [...errors, required('spec.template')];
  const { labels = {} } = spec.template.metadata ?? {};
  if (!Object.entries(selector).every(([key, value]) => labels[key] === value))
    errors.push(
      invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'),
    );
  return [...errors, ...validatePodTemplate(spec.template, 'spec.template', ['Always'])];
}

function validateRevision({ revision }: ControllerRevision): FieldError[] {
  return nonNegative('revision', revision);
}

export const workloadRules: Readonly<Record<string, Rules>> = {
  'apps/v1/Deployment': rules(validateDeployment, validateSelectorUpdate),
  'apps/v1/ReplicaSet': rules(validateReplicaSet, validateSelectorUpdate),
  'apps/v1/StatefulSet': rules(validateStatefulSet, validateStatefulSetUpdate),
  'apps/v1/DaemonSet': rules(validateDaemonSet, validateSelectorUpdate),
  'apps/v1/ControllerRevision': rules(validateRevision, (now: ControllerRevision, old: ControllerRevision) =>
    immutable('data', now.data, old.data),
  ),
  'v1/ReplicationController': rules(validateController),
  'v1/PodTemplate': rules(({ template }: PodTemplate) =>
    validatePodTemplate(template, 'template', ['Always', 'OnFailure', 'Never'], [], 'Job'),
  ),
};
