/**
 * PodSecurity: a namespace says by its labels which level of the Pod Security Standards its pods must keep, and at which
 * the user is warned. Pods are refused; of workloads, whose pods come later, the user is only told.
 */
import type { Namespace, ObjectMeta, Pod, PodSpec, PodTemplateSpec } from '@timonier/api';
import { cachedObject } from './cached.ts';
import { type Level, levels, violations } from './pod-security-checks.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './request.ts';

const labelPrefix = 'pod-security.kubernetes.io/';
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

export const podSecurity: AdmissionPlugin = {
  name: 'PodSecurity',
  operations: ['CREATE', 'UPDATE'],
  resources: [
    '/pods',
    '/pods/ephemeralcontainers',
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
    const { target, warn } = request.context;
    const labels = cachedObject<Namespace>(request.context.server, 'namespaces', '', target.namespace)
      ?.metadata?.labels;
    if (labels === undefined) return;
    const isWorkload = workloads.has(target.info.resource);
    const subject = isWorkload ? templateOf(request) : (request.object as Pod);
    // What a pod may be is settled when it is made; only a new debugging container can change that.
    const isSettled = !isWorkload && request.operation === 'UPDATE' && target.subresource === '';
    if (subject?.spec === undefined || isSettled) return;
    const enforced = violated(labels, 'enforce', subject.metadata, subject.spec);
    if (enforced !== undefined && !isWorkload) throw refusal(request, `violates PodSecurity ${enforced}`);
    const warned = violated(labels, 'warn', subject.metadata, subject.spec);
    if (warned !== undefined) warn?.(`would violate PodSecurity ${warned}`);
  },
};

/** Such as `"baseline:latest": host namespaces (hostPID=true)`; undefined when all is well. */
function violated(
  labels: Readonly<Record<string, string>>,
  mode: 'enforce' | 'warn',
  metadata: ObjectMeta | undefined,
  spec: PodSpec,
): string | undefined {
  const wanted = labels[`${labelPrefix}${mode}`];
  if (wanted === undefined) return undefined;
  // A level that nobody knows is taken as the strictest, as upstream does.
  const level: Level = levels.find((known) => known === wanted) ?? 'restricted';
  const found = violations(level, metadata ?? {}, spec);
  if (found.length === 0) return undefined;
  const version = labels[`${labelPrefix}${mode}-version`] ?? 'latest';
  return `"${level}:${version}": ${found.map(({ reason, detail }) => `${reason} (${detail})`).join(', ')}`;
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
