/** The rules of the kinds that keep pods running. */
import { asSent } from '../decode/absence.ts';
import type {
  ControllerRevision,
  DaemonSetSpec,
  DeploymentSpec,
  DeploymentStrategy,
  LabelSelector,
  PodTemplate,
  PodTemplateSpec,
  ReplicaSetSpec,
  ReplicationController,
} from '../generated/types.ts';
import { selectorMatches } from '../label-selector.ts';
import { countOrPercent, immutable, labelSelector, nonNegative, notAboveAll } from './checks.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { validateTemplate } from './pod.ts';
import { noRules, rules, type Rules } from './rules.ts';
import { daemonSetStatus, deploymentStatus, replicaStatus } from './workload-statuses.ts';

/**
 * Each controller has pods of its own: it must choose some, and find those it makes. What `template` says is wrong with
 * those it makes is not asked when nobody knows which they would be.
 */
export function selectorAndTemplate(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  { kind, badSelector }: { readonly kind: string; readonly badSelector: string },
  templateErrors: () => FieldError[],
): FieldError[] {
  if (selector === undefined) return [required('spec.selector'), noMatch(template), ...templateErrors()];
  const errors = labelSelector('spec.selector', selector);
  if (errors.length > 0) return [...errors, invalid('spec.selector', inOrder(selector), badSelector)];
  if (isEmpty(selector))
    errors.push(invalid('spec.selector', selector, `empty selector is invalid for ${kind}`));
  else if (!selectorMatches(selector, template?.metadata?.labels)) errors.push(noMatch(template));
  return [...errors, ...templateErrors()];
}

function isEmpty({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length + matchExpressions.length === 0;
}

function noMatch(template: PodTemplateSpec | undefined): FieldError {
  return invalid(
    'spec.template.metadata.labels',
    asSent(template?.metadata, 'labels'),
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

/** Both are said to be for a Deployment. */
const replicated = { kind: 'deployment', badSelector: 'invalid label selector' };

function replicas({
  selector,
  template,
}: {
  selector?: LabelSelector;
  template?: PodTemplateSpec;
}): FieldError[] {
  return selectorAndTemplate(selector, template, replicated, () => [
    ...validateTemplate(template, 'spec.template'),
    ...runsForGood(template, 'ReplicaSet'),
  ]);
}

function deployment({ spec = {} }: { spec?: Partial<DeploymentSpec> }): FieldError[] {
  const errors = nonNegative('spec.replicas', spec.replicas);
  errors.push(...replicas(spec));
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

function replicaSet({ spec = {} }: { spec?: Partial<ReplicaSetSpec> }): FieldError[] {
  return [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...replicas(spec),
  ];
}

function daemonSet({ spec = {} }: { spec?: Partial<DaemonSetSpec> }): FieldError[] {
  const { selector, template } = spec;
  const errors = selector === undefined ? [] : labelSelector('spec.selector', selector);
  if (
    errors.length === 0 &&
    !(selector !== undefined && selectorMatches(selector, template?.metadata?.labels))
  )
    errors.push(noMatch(template));
  if (selector !== undefined && isEmpty(selector))
    errors.push(invalid('spec.selector', selector, 'empty selector is invalid for daemonset'));
  errors.push(...validateTemplate(template, 'spec.template'), ...runsForGood(template, 'DaemonSet'));
  errors.push(...nonNegative('spec.minReadySeconds', spec.minReadySeconds));
  errors.push(...daemonUpdates(spec.updateStrategy ?? {}, 'spec.updateStrategy'));
  errors.push(...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit));
  return errors;
}

function daemonUpdates(given: NonNullable<DaemonSetSpec['updateStrategy']>, at: string): FieldError[] {
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

export const workloadRules: Readonly<Record<string, Rules>> = {
  'apps/v1/Deployment': rules(noRules, sameSelector, {
    spec: deployment,
    subresources: { status: deploymentStatus },
  }),
  'apps/v1/ReplicaSet': rules(noRules, sameSelector, {
    spec: replicaSet,
    subresources: { status: replicaStatus },
  }),
  'apps/v1/DaemonSet': rules(noRules, sameSelector, {
    spec: daemonSet,
    changesFirst: true,
    subresources: { status: daemonSetStatus },
  }),
  'apps/v1/ControllerRevision': rules(
    ({ revision: number }: ControllerRevision) => nonNegative('revision', number),
    (now: ControllerRevision, old: ControllerRevision) => immutable('data', now.data, old.data),
    {
      create: ({ data }: ControllerRevision) =>
        data === undefined ? [required('data', 'data is mandatory')] : [],
    },
  ),
  'v1/ReplicationController': rules(noRules, undefined, {
    spec: controller,
    subresources: { status: replicaStatus },
  }),
  'v1/PodTemplate': rules(({ template }: PodTemplate) => validateTemplate(template, 'template')),
};

/** A selector with its parts in the order in which upstream writes them. */
function inOrder({ matchLabels, matchExpressions }: LabelSelector): object {
  const labels = Object.entries(matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...(matchLabels === undefined ? {} : { matchLabels: Object.fromEntries(labels) }),
    ...(matchExpressions === undefined
      ? {}
      : {
          matchExpressions: matchExpressions.map(({ key, operator, values }) => ({
            key,
            operator,
            ...(values === undefined ? {} : { values }),
          })),
        }),
  };
}
