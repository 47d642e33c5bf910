/** The rules of pods and pod templates. */
import type { Pod, PodSpec, PodTemplateSpec } from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkQualifiedName } from '../names.ts';
import { checkName, inRange, labels, nonNegative } from './checks.ts';
import { validateContainers } from './container.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { validateTemplateMetadata } from './metadata.ts';
import { validateEphemeralContainers, validateResize } from './pod-parts.ts';
import { validateInitContainers, validateSettings } from './pod-settings.ts';
import { validatePodUpdate } from './pod-update.ts';
import { validateVolumes } from './pod-volumes.ts';
import { validatePlacement } from './placement.ts';
import { rules, type Rules } from './rules.ts';

function validatePod(pod: Pod): FieldError[] {
  return pod.spec === undefined ? [] : validatePodSpec(pod.spec, 'spec');
}

/**
 * A template's metadata and spec; kinds that keep pods running allow only some restart policies. `given` are volumes that
 * every pod gets from elsewhere.
 */
export function validatePodTemplate(
  template: PodTemplateSpec | undefined,
  path: string,
  restartPolicies: readonly string[],
  given: readonly string[] = [],
  kind: 'ReplicaSet' | 'Job' = 'ReplicaSet',
): FieldError[] {
  const spec = template?.spec;
  if (template === undefined || spec === undefined) return [required(`${path}.spec.containers`)];
  const errors = validateTemplateMetadata(template.metadata ?? {}, `${path}.metadata`);
  errors.push(...validatePodSpec(spec, `${path}.spec`, given));
  if (spec.restartPolicy && !restartPolicies.includes(spec.restartPolicy)) {
    errors.push(notSupported(`${path}.spec.restartPolicy`, spec.restartPolicy, restartPolicies));
  }
  if ((spec.ephemeralContainers ?? []).length > 0)
    errors.push(
      forbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'),
    );
  if (spec.activeDeadlineSeconds !== undefined && kind === 'ReplicaSet') {
    errors.push(
      forbidden(`${path}.spec.activeDeadlineSeconds`, 'activeDeadlineSeconds in ReplicaSet is not Supported'),
    );
  }
  return errors;
}

function validatePodSpec(spec: PodSpec, path: string, given: readonly string[] = []): FieldError[] {
  const { errors, names } = validateVolumes(spec.volumes ?? [], `${path}.volumes`);
  for (const name of given) names.add(name);
  const taken = new Set<string>();
  if ((spec.containers ?? []).length === 0) errors.push(required(`${path}.containers`));
  errors.push(...validateContainers(spec.containers ?? [], `${path}.containers`, names, taken));
  errors.push(...validateContainers(spec.initContainers ?? [], `${path}.initContainers`, names, taken));
  errors.push(...hostPorts(spec, path));
  errors.push(...nonNegative(`${path}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds));
  if (spec.activeDeadlineSeconds !== undefined) {
    errors.push(...inRange(`${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, 1, 2_147_483_647));
  }
  errors.push(...labels(`${path}.nodeSelector`, spec.nodeSelector));
  for (const field of ['nodeName', 'serviceAccountName', 'priorityClassName', 'runtimeClassName'] as const) {
    const value = spec[field];
    if (value) errors.push(...checkName(`${path}.${field}`, value, checkDns1123Subdomain));
  }
  for (const field of ['hostname', 'subdomain'] as const) {
    const value = spec[field];
    if (value) errors.push(...checkName(`${path}.${field}`, value, checkDns1123Label));
  }
  errors.push(...validatePlacement(spec, path));
  errors.push(...validateSettings(spec, path));
  errors.push(...validateInitContainers(spec.initContainers ?? [], `${path}.initContainers`));
  for (const [i, gate] of (spec.readinessGates ?? []).entries()) {
    const field = `${path}.readinessGates[${i}].conditionType`;
    errors.push(
      ...checkQualifiedName(gate.conditionType ?? '').map((text) => invalid(field, gate.conditionType, text)),
    );
  }
  for (const [i, secret] of (spec.imagePullSecrets ?? []).entries()) {
    if (!secret.name) errors.push(required(`${path}.imagePullSecrets[${i}].name`));
  }
  return errors;
}

/** On the host's network a port is the host's; one port of the host goes to one container. */
function hostPorts(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const taken = new Set<string>();
  for (const [i, container] of (spec.containers ?? []).entries()) {
    for (const [j, entry] of (container.ports ?? []).entries()) {
      const at = `${path}.containers[${i}].ports[${j}]`;
      if (!entry.hostPort) continue;
      if (spec.hostNetwork === true && entry.hostPort !== entry.containerPort) {
        errors.push(
          invalid(`${at}.hostPort`, entry.hostPort, 'must match `containerPort` when `hostNetwork` is true'),
        );
      }
      const key = `${entry.protocol}/${entry.hostIP ?? ''}/${entry.hostPort}`;
      if (taken.has(key)) errors.push(duplicate(`${at}.hostPort`, key));
      taken.add(key);
    }
  }
  return errors;
}

function onlyPlanned({ spec }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec?.ephemeralContainers ?? []).length > 0)
    errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
  if (spec?.nodeName && (spec.schedulingGates ?? []).length > 0)
    errors.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  return errors;
}

export const podRules: Readonly<Record<string, Rules>> = {
  'v1/Pod': rules(validatePod, validatePodUpdate, {
    create: onlyPlanned,
    subresources: { ephemeralcontainers: validateEphemeralContainers, resize: validateResize },
  }),
};
