/** The rules of pods and pod templates. */
import type { Pod, PodSpec, PodTemplateSpec } from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain } from '../names.ts';
import { inRange, invalidBy, labels, oneOf } from './checks.ts';
import {
  type Surroundings,
  trimmedImage,
  validateContainers,
  validateEphemeralContainers,
  validateInitContainers,
} from './container.ts';
import { forbidden, invalid, required, type FieldError } from './field-error.ts';
import { validateTemplateMetadata } from './metadata.ts';
import { profilesMatch, validatePodAnnotations, validatePodAnnotationUpdate } from './pod-annotations.ts';
import { validateEphemeralContainersUpdate } from './pod-parts.ts';
import { validateResize } from './pod-resize.ts';
import {
  validateDns,
  validateHostAliases,
  validateHostnameOverride,
  validateHostUsers,
  validateReadinessGates,
  validateResourceClaims,
  validateSchedulingGates,
} from './pod-settings.ts';
import { validatePodStatus } from './pod-status.ts';
import { validatePodUpdate } from './pod-update.ts';
import { validateVolumes } from './pod-volumes.ts';
import { validateAffinity, validateTolerations } from './placement.ts';
import { validatePodResources, validateResources } from './resources.ts';
import { rules, type Rules } from './rules.ts';
import { validatePodSecurity } from './security.ts';
import { validateSpreading } from './spreading.ts';
import { validateHostProcess, validateSystem } from './windows.ts';

function podAnnotations({ metadata, spec }: Pod): FieldError[] {
  return spec === undefined
    ? []
    : validatePodAnnotations(metadata?.annotations, spec, 'metadata.annotations');
}

function podSpec({ metadata, spec }: Pod): FieldError[] {
  if (spec === undefined) return [required('spec.containers')];
  const errors = validatePodSpec(spec, 'spec', metadata?.name ?? '');
  errors.push(...onlyOfPods(spec));
  return errors;
}

/** What was let pass in templates once, and so still is. */
function onlyOfPods(spec: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec.serviceAccountName)
    for (const [i, { projected }] of (spec.volumes ?? []).entries())
      for (const [j, { serviceAccountToken }] of (projected?.sources ?? []).entries())
        if (serviceAccountToken !== undefined)
          errors.push(
            forbidden(
              `spec.volumes[${i}].projected.sources[${j}].serviceAccountToken`,
              'must not be specified when serviceAccountName is not set',
            ),
          );
  for (const list of ['containers', 'initContainers'] as const)
    for (const [i, container] of (spec[list] ?? []).entries())
      errors.push(...trimmedImage(container, `spec.${list}[${i}]`));
  return errors;
}

/** A pod that nobody has placed: what comes later through subresources cannot be there. */
function onlyPlanned({ metadata, spec }: Pod): FieldError[] {
  if (spec === undefined) return [];
  const errors: FieldError[] = [];
  if ((spec.ephemeralContainers ?? []).length > 0)
    errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
  if (spec.nodeName && (spec.schedulingGates ?? []).length > 0)
    errors.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  errors.push(...profilesMatch(metadata?.annotations, spec, 'spec'));
  return errors;
}

/** A template's metadata and spec, whoever makes pods of it. */
export function validateTemplate(template: PodTemplateSpec | undefined, path: string): FieldError[] {
  const { metadata = {}, spec } = template ?? {};
  const errors = validateTemplateMetadata(metadata, path);
  if (spec === undefined) return [...errors, required(`${path}.spec.containers`)];
  errors.push(...validatePodAnnotations(metadata.annotations, spec, `${path}.annotations`));
  errors.push(...validatePodSpec(spec, `${path}.spec`));
  errors.push(...profilesMatch(metadata.annotations, spec, `${path}.spec`));
  if ((spec.ephemeralContainers ?? []).length > 0)
    errors.push(
      forbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'),
    );
  return errors;
}

const RESTARTS = ['Always', 'OnFailure', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const PREEMPTIONS = ['PreemptLowerPriority', 'Never'];
const MAX_INT32 = 2_147_483_647;

/** In upstream's order. `podName` is given for a pod and left out for a template. */
function validatePodSpec(spec: PodSpec, path: string, podName?: string): FieldError[] {
  const isPod = podName !== undefined;
  const grace = spec.terminationGracePeriodSeconds;
  const errors = grace === undefined ? [required(`${path}.terminationGracePeriodSeconds`)] : [];
  const { errors: found, volumes } = validateVolumes(spec.volumes ?? [], `${path}.volumes`, podName);
  errors.push(...found);
  const claims = spec.resourceClaims ?? [];
  if (claims.length > 0) errors.push(...validateResourceClaims(claims, `${path}.resourceClaims`));
  const pod: Surroundings = { spec, volumes, claims: new Set(claims.flatMap(({ name }) => name || [])) };
  errors.push(...validateContainers(`${path}.containers`, pod));
  errors.push(...validateInitContainers(`${path}.initContainers`, pod));
  errors.push(...validateEphemeralContainers(`${path}.ephemeralContainers`, pod));
  errors.push(...validatePodResources(spec, `${path}.resources`));
  if (spec.hostNetwork === true) errors.push(...portsOfHost(spec, path, isPod));
  errors.push(...oneOf(`${path}.restartPolicy`, spec.restartPolicy, RESTARTS));
  errors.push(...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES));
  if (spec.nodeSelector !== undefined) errors.push(...labels(`${path}.nodeSelector`, spec.nodeSelector));
  errors.push(...security(spec, path));
  if (spec.affinity !== undefined) errors.push(...validateAffinity(spec.affinity, `${path}.affinity`));
  errors.push(...validateDns(spec, `${path}.dnsConfig`));
  if (spec.readinessGates !== undefined)
    errors.push(...validateReadinessGates(spec.readinessGates, `${path}.readinessGates`));
  if (spec.schedulingGates !== undefined)
    errors.push(...validateSchedulingGates(spec.schedulingGates, `${path}.schedulingGates`));
  if (spec.topologySpreadConstraints !== undefined)
    errors.push(...validateSpreading(spec.topologySpreadConstraints, `${path}.topologySpreadConstraints`));
  errors.push(...validateHostProcess(spec, path));
  errors.push(...validateHostUsers(spec, path));
  errors.push(...names(spec, path));
  if (spec.overhead !== undefined)
    errors.push(...validateResources({ limits: spec.overhead }, `${path}.overhead`));
  errors.push(...validateSystem(spec, path));
  return errors;
}

/** On the host's network a port is the host's. In templates it may be left to be filled in. */
function portsOfHost({ containers = [] }: Partial<PodSpec>, path: string, isPod: boolean): FieldError[] {
  return containers.flatMap(({ ports = [] }, i) =>
    ports.flatMap(({ hostPort = 0, containerPort }, j) =>
      hostPort === containerPort || (hostPort === 0 && !isPod)
        ? []
        : [
            invalid(
              `${path}.containers[${i}].ports[${j}].hostPort`,
              hostPort,
              'must match `containerPort` when `hostNetwork` is true',
            ),
          ],
    ),
  );
}

function security(spec: PodSpec, path: string): FieldError[] {
  const at = `${path}.securityContext`;
  const errors: FieldError[] = [];
  // Which of the pod's namespaces are the host's is part of the security context for upstream.
  if (spec.shareProcessNamespace === true && spec.hostPID === true)
    errors.push(
      invalid(
        `${at}.shareProcessNamespace`,
        true,
        'ShareProcessNamespace and HostPID cannot both be enabled',
      ),
    );
  if (spec.securityContext !== undefined) errors.push(...validatePodSecurity(spec.securityContext, spec, at));
  return errors;
}

function names(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['serviceAccountName', 'nodeName'] as const) {
    const value = spec[field];
    if (value) errors.push(...invalidBy(checkDns1123Subdomain(value), `${path}.${field}`, value));
  }
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined)
    errors.push(...inRange(`${path}.activeDeadlineSeconds`, deadline, 1, MAX_INT32));
  for (const field of ['hostname', 'subdomain'] as const) {
    const value = spec[field];
    if (value) errors.push(...invalidBy(checkDns1123Label(value), `${path}.${field}`, value));
  }
  errors.push(...validateHostnameOverride(spec, path));
  if (spec.tolerations !== undefined)
    errors.push(...validateTolerations(spec.tolerations, `${path}.tolerations`));
  if (spec.hostAliases !== undefined)
    errors.push(...validateHostAliases(spec.hostAliases, `${path}.hostAliases`));
  const { priorityClassName, runtimeClassName, preemptionPolicy } = spec;
  if (priorityClassName)
    errors.push(
      ...invalidBy(checkDns1123Subdomain(priorityClassName), `${path}.priorityClassName`, priorityClassName),
    );
  if (runtimeClassName !== undefined)
    errors.push(
      ...invalidBy(checkDns1123Subdomain(runtimeClassName), `${path}.runtimeClassName`, runtimeClassName),
    );
  if (preemptionPolicy !== undefined)
    errors.push(...oneOf(`${path}.preemptionPolicy`, preemptionPolicy, PREEMPTIONS));
  return errors;
}

function updated(pod: Pod, old: Pod): FieldError[] {
  return [
    ...validatePodAnnotationUpdate(pod.metadata?.annotations, old.metadata?.annotations),
    ...validatePodUpdate(pod, old),
  ];
}

/** The parts that a subresource changes, in a pod that is checked as a whole. */
function part(compare: (pod: Pod, old: Pod) => FieldError[]) {
  return (pod: Pod, old: Pod): FieldError[] => [
    ...podAnnotations(pod),
    ...podSpec(pod),
    ...compare(pod, old),
  ];
}

export const podRules: Readonly<Record<string, Rules>> = {
  'v1/Pod': rules(podAnnotations, updated, {
    spec: podSpec,
    create: onlyPlanned,
    subresources: {
      ephemeralcontainers: part(validateEphemeralContainersUpdate),
      resize: part(validateResize),
      status: validatePodStatus,
    },
  }),
};
