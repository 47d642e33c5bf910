/** The rules of the kinds that keep pods running. */
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  DeploymentStrategy,
  LabelSelector,
  PodTemplate,
  PodTemplateSpec,
  ReplicaSet,
  ReplicationController,
} from '../generated/types.ts';
import { selectorMatches } from '../label-selector.ts';
import { countOrPercent, immutable, labelSelector, nonNegative, notAboveAll } from './checks.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { validateTemplate } from './pod.ts';
import { rules, type Rules } from './rules.ts';
import { daemonSetStatus, deploymentStatus, replicaStatus } from './workload-statuses.ts';

/** Each controller has pods of its own: it must choose some, and find those it makes. */
export function selectorAndTemplate(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  kind: string,
  given: readonly string[] = [],
): FieldError[] {
  const errors: FieldError[] = [];
  if (selector === undefined) errors.push(required('spec.selector'));
  else {
    const problems = labelSelector('spec.selector', selector);
    errors.push(...problems);
    if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0)
      errors.push(invalid('spec.selector', selector, `empty selector is invalid for ${kind}`));
    else if (problems.length === 0 && !selectorMatches(selector, template?.metadata?.labels))
      errors.push(noMatch(template));
  }
  return [...errors, ...validateTemplate(template, 'spec.template', given)];
}

export function noMatch(template: PodTemplateSpec | undefined): FieldError {
  return invalid(
    'spec.template.metadata.labels',
    template?.metadata?.labels,
    '`selector` does not match template `labels`',
  );
}

/** What a template cannot say of pods that are to run for good; `kind` is who says so. */
export function runsForGood(template: PodTemplateSpec | undefined, kind: string): FieldError[] {
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {};
  const errors: FieldError[] = [];
  if (restartPolicy !== undefined && restartPolicy !== 'Always')
    errors.push(notSupported('spec.template.spec.restartPolicy', restartPolicy, ['Always']));
  if (activeDeadlineSeconds !== undefined)
    errors.push(
      forbidden(
        'spec.template.spec.activeDeadlineSeconds',
        `activeDeadlineSeconds in ${kind} is not Supported`,
      ),
    );
  return errors;
}

export function isZero(value: number | string | undefined): boolean {
  return value === undefined || value === 0 || /^0+%?$/.test(String(value));
}

function deployment({ spec }: Deployment): FieldError[] {
  if (spec === undefined) return [required('spec.selector')];
  const errors = nonNegative('spec.replicas', spec.replicas);
  errors.push(...selectorAndTemplate(spec.selector, spec.template, 'deployment'));
  errors.push(...runsForGood(spec.template, 'ReplicaSet'));
  errors.push(...strategy(spec.strategy ?? {}, 'spec.strategy'));
  errors.push(...nonNegative('spec.minReadySeconds', spec.minReadySeconds));
  errors.push(...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit));
  const deadline = spec.progressDeadlineSeconds;
  errors.push(...nonNegative('spec.progressDeadlineSeconds', deadline));
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0))
    errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  return errors;
}

function strategy(given: DeploymentStrategy, at: string): FieldError[] {
  const { type, rollingUpdate } = given;
  const field = `${at}.rollingUpdate`;
  if (type === 'Recreate')
    return rollingUpdate === undefined
      ? []
      : [forbidden(field, "may not be specified when strategy `type` is 'Recreate'")];
  if (type !== 'RollingUpdate') return [notSupported(at, given, ['Recreate', 'RollingUpdate'])];
  if (rollingUpdate === undefined) return [required(field, 'this should be defaulted and never be nil')];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const errors = countOrPercent(`${field}.maxUnavailable`, maxUnavailable);
  errors.push(...countOrPercent(`${field}.maxSurge`, maxSurge));
  if (isZero(maxUnavailable) && isZero(maxSurge))
    errors.push(invalid(`${field}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  return [...errors, ...notAboveAll(`${field}.maxUnavailable`, maxUnavailable)];
}

function replicaSet({ spec }: ReplicaSet): FieldError[] {
  if (spec === undefined) return [required('spec.selector')];
  return [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...selectorAndTemplate(spec.selector, spec.template, 'deployment'),
    ...runsForGood(spec.template, 'ReplicaSet'),
  ];
}

function daemonSet({ spec }: DaemonSet): FieldError[] {
  if (spec === undefined) return [required('spec.selector')];
  const { selector, template } = spec;
  const errors: FieldError[] = [];
  if (selector === undefined) errors.push(required('spec.selector'));
  else {
    const problems = labelSelector('spec.selector', selector);
    errors.push(...problems);
    if (problems.length === 0 && !selectorMatches(selector, template?.metadata?.labels))
      errors.push(noMatch(template));
    if (Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0)
      errors.push(invalid('spec.selector', selector, 'empty selector is invalid for daemonset'));
  }
  errors.push(...validateTemplate(template, 'spec.template'), ...runsForGood(template, 'DaemonSet'));
  errors.push(...nonNegative('spec.minReadySeconds', spec.minReadySeconds));
  errors.push(...daemonUpdates(spec.updateStrategy ?? {}, 'spec.updateStrategy'));
  errors.push(...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit));
  return errors;
}

function daemonUpdates(
  given: NonNullable<NonNullable<DaemonSet['spec']>['updateStrategy']>,
  at: string,
): FieldError[] {
  const { type, rollingUpdate } = given;
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate') return [notSupported(at, given, ['RollingUpdate', 'OnDelete'])];
  const field = `${at}.rollingUpdate`;
  if (rollingUpdate === undefined) return [required(field)];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const errors = countOrPercent(`${field}.maxUnavailable`, maxUnavailable);
  errors.push(...countOrPercent(`${field}.maxSurge`, maxSurge));
  errors.push(...notAboveAll(`${field}.maxUnavailable`, maxUnavailable));
  errors.push(...notAboveAll(`${field}.maxSurge`, maxSurge));
  const [out, extra] = [isZero(maxUnavailable), isZero(maxSurge)];
  if (!out && !extra)
    errors.push(invalid(`${field}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  if (out && extra) errors.push(required(`${field}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  return errors;
}

interface WithSelector {
  spec?: { selector?: LabelSelector };
}

/** The selector says which pods belong; changing it would lose them. */
function sameSelector(object: WithSelector, old: WithSelector): FieldError[] {
  return immutable('spec.selector', object.spec?.selector, old.spec?.selector);
}

function controller({ spec }: ReplicationController): FieldError[] {
  const selector = spec?.selector ?? {};
  const errors = nonNegative('spec.minReadySeconds', spec?.minReadySeconds);
  if (Object.keys(selector).length === 0) errors.push(required('spec.selector'));
  errors.push(...nonNegative('spec.replicas', spec?.replicas));
  const template = spec?.template;
  if (template === undefined) return [...errors, required('spec.template')];
  const labels = template.metadata?.labels ?? {};
  if (!Object.entries(selector).every(([key, value]) => labels[key] === value))
    errors.push(noMatch(template));
  return [
    ...errors,
    ...validateTemplate(template, 'spec.template'),
    ...runsForGood(template, 'ReplicationController'),
  ];
}

function revision({ revision: number, data }: ControllerRevision): FieldError[] {
  const errors = data === undefined ? [required('data', 'data is mandatory')] : [];
  return [...errors, ...nonNegative('revision', number)];
}

export const workloadRules: Readonly<Record<string, Rules>> = {
  'apps/v1/Deployment': rules(deployment, sameSelector, { subresources: { status: deploymentStatus } }),
  'apps/v1/ReplicaSet': rules(replicaSet, sameSelector, { subresources: { status: replicaStatus } }),
  'apps/v1/DaemonSet': rules(daemonSet, sameSelector, { subresources: { status: daemonSetStatus } }),
  'apps/v1/ControllerRevision': rules(revision, (now: ControllerRevision, old: ControllerRevision) =>
    immutable('data', now.data, old.data),
  ),
  'v1/ReplicationController': rules(controller, undefined, { subresources: { status: replicaStatus } }),
  'v1/PodTemplate': rules(({ template }: PodTemplate) => validateTemplate(template, 'template')),
};
