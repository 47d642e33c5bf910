/** The rules of pods and pod templates, and which parts of a pod may change after its creation. */
import type { Pod, PodSpec, PodTemplateSpec, Toleration, Volume } from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain } from '../names.ts';
import { checkName, inRange, labels, nonNegative, same } from './checks.ts';
import { relativePath, validateContainers } from './container.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';
import { validateTemplateMetadata } from './metadata.ts';
import { validateEphemeralContainers, validateResize } from './pod-parts.ts';
import { validateInitContainers, validateSettings } from './pod-settings.ts';
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
  if (spec.activeDeadlineSeconds !== undefined && kind === 'ReplicaSet') {
    errors.push(
      forbidden(`${path}.spec.activeDeadlineSeconds`, 'activeDeadlineSeconds in ReplicaSet is not Supported'),
    );
  }
  return errors;
}

function validatePodSpec(spec: PodSpec, path: string, given: readonly string[] = []): FieldError[] {
  const { errors, names } = volumes(spec.volumes ?? [], `${path}.volumes`);
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

function volumes(list: readonly Volume[], path: string): { errors: FieldError[]; names: Set<string> } {
  const names = new Set<string>();
  const errors: FieldError[] = [];
  for (const [i, volume] of list.entries()) {
    const at = `${path}[${i}]`;
    errors.push(...checkName(`${at}.name`, volume.name, checkDns1123Label));
    if (names.has(volume.name)) {
      errors.push(duplicate(`${at}.name`, volume.name));
    }
    names.add(volume.name);
    errors.push(...volumeSource(volume, at));
  }
  return { errors, names };
}

function volumeSource(volume: Volume, at: string): FieldError[] {
  const sources = Object.entries(volume).filter(([key, value]) => key !== 'name' && value !== undefined);
  if (sources.length === 0) return [required(at, 'must specify a volume type')];
  const errors: FieldError[] = [];
  for (const [source] of sources.slice(1)) {
    errors.push(forbidden(`${at}.${source}`, 'may not specify more than 1 volume type'));
  }
  if (volume.configMap && !volume.configMap.name) errors.push(required(`${at}.configMap.name`));
  if (volume.secret && !volume.secret.secretName) errors.push(required(`${at}.secret.secretName`));
  if (volume.persistentVolumeClaim && !volume.persistentVolumeClaim.claimName) {
    errors.push(required(`${at}.persistentVolumeClaim.claimName`));
  }
  if (volume.hostPath) {
    if (!volume.hostPath.path) errors.push(required(`${at}.hostPath.path`));
    else if (volume.hostPath.path.split('/').includes('..')) {
      errors.push(invalid(`${at}.hostPath.path`, volume.hostPath.path, "must not contain '..'"));
    }
  }
  for (const source of ['configMap', 'secret'] as const) {
    for (const [i, item] of (volume[source]?.items ?? []).entries()) {
      const field = `${at}.${source}.items[${i}]`;
      if (!item.key) errors.push(required(`${field}.key`));
      if (!item.path) errors.push(required(`${field}.path`));
      else errors.push(...relativePath(`${field}.path`, item.path));
    }
    const mode = volume[source]?.defaultMode;
    if (mode !== undefined && (mode < 0 || mode > 0o777)) {
      errors.push(
        invalid(
          `${at}.${source}.defaultMode`,
          mode,
          'must be a number between 0 and 0777 (octal), both inclusive',
        ),
      );
    }
  }
  return errors;
}

const MAY_CHANGE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** Compares what is left when the parts that may change are set aside. */
function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const now = pod.spec;
  const before = old.spec;
  if (now === undefined || before === undefined) return [];
  if (now.containers.length !== before.containers.length) {
    return [forbidden('spec.containers', 'pod updates may not add or remove containers')];
  }
  if ((now.initContainers?.length ?? 0) !== (before.initContainers?.length ?? 0)) {
    return [forbidden('spec.initContainers', 'pod updates may not add or remove containers')];
  }
  const errors: FieldError[] = [];
  const deadline = now.activeDeadlineSeconds;
  const deadlineBefore = before.activeDeadlineSeconds;
  if (deadlineBefore !== undefined && (deadline === undefined || deadline > deadlineBefore)) {
    errors.push(
      invalid(
        'spec.activeDeadlineSeconds',
        deadline,
        deadline === undefined
          ? 'must not update from a positive integer to nil value'
          : `must be less than or equal to previous value`,
      ),
    );
  }
  if (
    !(before.tolerations ?? []).every((t) =>
      (now.tolerations ?? []).some((n) => same(withoutSeconds(n), withoutSeconds(t))),
    )
  ) {
    errors.push(
      forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'),
    );
  }
  if (!gatesOnlyRemoved(now, before)) {
    errors.push(
      forbidden('spec.schedulingGates', 'only deletion is allowed, but found new scheduling gates'),
    );
  }
  if (!same(fixedPart(now), fixedPart(before))) errors.push(forbidden('spec', MAY_CHANGE));
  return errors;
}

function withoutSeconds({ tolerationSeconds: _, ...rest }: Toleration): Toleration {
  return rest;
}

function gatesOnlyRemoved(now: PodSpec, before: PodSpec): boolean {
  const known = new Set((before.schedulingGates ?? []).map((gate) => gate.name));
  return (now.schedulingGates ?? []).every((gate) => known.has(gate.name));
}

function fixedPart(spec: PodSpec): unknown {
  const {
    activeDeadlineSeconds: _deadline,
    tolerations: _tolerations,
    schedulingGates: _gates,
    terminationGracePeriodSeconds: grace,
    ...rest
  } = spec;
  return {
    ...rest,
    // A negative period was accepted once and may be repaired.
    grace: grace !== undefined && grace < 0 ? 1 : grace,
    containers: spec.containers.map(({ image: _, ...container }) => container),
    initContainers: (spec.initContainers ?? []).map(({ image: _, ...container }) => container),
  };
}

function onlyPlanned({ spec }: Pod): FieldError[] {
  return (spec?.ephemeralContainers ?? []).length === 0
    ? []
    : [forbidden('spec.ephemeralContainers', 'cannot be set on create')];
}

export const podRules: Readonly<Record<string, Rules>> = {
  'v1/Pod': rules(validatePod, validatePodUpdate, {
    create: onlyPlanned,
    subresources: { ephemeralcontainers: validateEphemeralContainers, resize: validateResize },
  }),
};
