/**
 * PodSecurity: a namespace says by its labels which level of the Pod Security Standards its pods must keep, at which the
 * user is warned, and which the audit log is told of. Pods are refused; of workloads, whose pods come later, the user and
 * the log are only told.
 */
import type { Container, ObjectMeta, Pod, PodSpec, PodTemplateSpec } from '@timonier/api';
import { aggregated, internalError, StatusError } from '@timonier/api/statuses';
import { formatFieldError } from '@timonier/api/validation';
import { namespaceOf } from '../namespace.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from '../request.ts';
import { checkNamespace } from './namespaces.ts';
import { labelErrors, labelPrefix, type Mode, type Policy, policyOf } from './policy.ts';
import type { PodSecuritySettings } from './settings.ts';
import { violations } from './standards.ts';

const workloads: ReadonlySet<string> = new Set([
  'replicationcontrollers',
  'deployments',
  'replicasets',
  'statefulsets',
  'daemonsets',
  'jobs',
  'cronjobs',
  'podtemplates',
]);

export const podSecurity = (settings: PodSecuritySettings): AdmissionPlugin => ({
  name: 'PodSecurity',
  operations: ['CREATE', 'UPDATE'],
  resources: [
    '/namespaces',
    '/pods',
    '/pods/ephemeralcontainers',
    '/pods/resize',
    '/podtemplates',
    '/replicationcontrollers',
    'apps/deployments',
    'apps/replicasets',
    'apps/statefulsets',
    'apps/daemonsets',
    'batch/jobs',
    'batch/cronjobs',
  ],
  validate(request) {
    const { target, warn, annotate } = request.context;
    if (target.info.resource === 'namespaces') {
      checkNamespace(request, settings);
      return;
    }
    const isWorkload = workloads.has(target.info.resource);
    const { exempt, defaults } = settings;
    const excused = exempt.namespaces.has(target.namespace)
      ? 'namespace'
      : exempt.usernames.has(request.context.user.name)
        ? 'user'
        : undefined;
    if (excused !== undefined) {
      annotate?.(`${labelPrefix}exempt`, excused);
      return;
    }
    const namespace = namespaceOf(request.context);
    if (namespace === undefined) {
      const failure = `failed to lookup namespace ${JSON.stringify(target.namespace)}`;
      if (!isWorkload) throw new StatusError(internalError(failure));
      annotate?.(`${labelPrefix}error`, failure);
      return;
    }
    const labels = namespace.metadata?.labels ?? {};
    const subject = isWorkload ? templateOf(request) : (request.object as Pod);
    // A pod that is there already stays, whatever its namespace says now, unless something else is to run in it.
    const isSettled =
      !isWorkload && request.operation === 'UPDATE' && runsTheSame(request.old as Pod, request.object as Pod);
    if (subject?.spec === undefined || isSettled) return;
    if (exempt.runtimeClasses.has(subject.spec.runtimeClassName ?? '')) {
      annotate?.(`${labelPrefix}exempt`, 'runtimeClass');
      return;
    }
    const unread = labelErrors(labels);
    if (unread.length > 0)
      annotate?.(
        `${labelPrefix}error`,
        `Failed to parse policy: ${aggregated(unread.map(formatFieldError))}`,
      );
    const violated = (mode: Mode): string | undefined =>
      violationsOf(policyOf(labels, mode, defaults), subject.metadata, subject.spec);
    if (!isWorkload) annotate?.(`${labelPrefix}enforce-policy`, policyOf(labels, 'enforce', defaults).name);
    const audited = violated('audit');
    if (audited !== undefined)
      annotate?.(`${labelPrefix}audit-violations`, `would violate PodSecurity ${audited}`);
    const enforced = isWorkload ? undefined : violated('enforce');
    if (enforced !== undefined) throw refusal(request, `violates PodSecurity ${enforced}`);
    const warned = violated('warn');
    if (warned !== undefined) warn?.(`would violate PodSecurity ${warned}`);
  },
});

type Running = Pick<Container, 'name' | 'image'>;

function runsTheSame({ spec: before }: Pod, { spec: after }: Pod): boolean {
  const sameImages = (a: readonly Running[] = [], b: readonly Running[] = []): boolean =>
    a.length === b.length && b.every(({ image }, i) => image === a[i]?.image);
  const known = new Map((before?.ephemeralContainers ?? []).map(({ name, image }) => [name, image]));
  return (
    sameImages(before?.containers, after?.containers) &&
    sameImages(before?.initContainers, after?.initContainers) &&
    (after?.ephemeralContainers ?? []).every(
      ({ name, image }) => known.has(name) && known.get(name) === image,
    )
  );
}

/** Such as `"baseline:latest": host namespaces (hostPID=true)`; undefined when all is well. */
function violationsOf(
  policy: Policy,
  metadata: ObjectMeta | undefined,
  spec: PodSpec | undefined,
): string | undefined {
  if (spec === undefined) return undefined;
  const found = violations(policy, metadata ?? {}, spec);
  if (found.length === 0) return undefined;
  return `"${policy.name}": ${found.map(({ reason, detail }) => `${reason} (${detail})`).join(', ')}`;
}

interface Template {
  readonly spec?: {
    readonly template?: PodTemplateSpec;
    readonly jobTemplate?: { readonly spec?: Template['spec'] };
  };
  readonly template?: PodTemplateSpec;
}

function templateOf({ object }: AdmissionRequest): PodTemplateSpec | undefined {
  const { spec, template } = object as unknown as Template;
  return template ?? spec?.template ?? spec?.jobTemplate?.spec?.template;
}
