/** What may change of a running pod through `ephemeralcontainers` and `resize`. */
import type { Container, EphemeralContainer, Pod } from '../generated/types.ts';
import { checkDns1123Label } from '../names.ts';
import { qualityOfService } from '../pod-quality.ts';
import { checkName, same } from './checks.ts';
import { validateResources } from './container.ts';
import { duplicate, forbidden, invalid, notFound, required, type FieldError } from './field-error.ts';

/** Fields that only containers of the pod's own plan can have. */
const NOT_EPHEMERAL = [
  'ports',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resources',
] as const;

function isSet(value: unknown): boolean {
  return value !== undefined && (typeof value !== 'object' || Object.keys(value as object).length > 0);
}

export function validateEphemeralContainers(pod: Pod, old: Pod): FieldError[] {
  const list = pod.spec?.ephemeralContainers ?? [];
  const path = 'spec.ephemeralContainers';
  const errors: FieldError[] = [];
  const others = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].map(
    ({ name }) => name,
  );
  const taken = new Set(others);
  const volumes = new Set((pod.spec?.volumes ?? []).map(({ name }) => name));
  for (const [i, container] of list.entries()) {
    const at = `${path}[${i}]`;
    errors.push(...checkName(`${at}.name`, container.name, checkDns1123Label));
    if (taken.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    taken.add(container.name);
    if (!container.image) errors.push(required(`${at}.image`));
    const target = container.targetContainerName;
    if (target && !others.includes(target)) errors.push(notFound(`${at}.targetContainerName`, target));
    for (const field of NOT_EPHEMERAL)
      if (isSet(container[field]))
        errors.push(forbidden(`${at}.${field}`, 'cannot be set for an Ephemeral Container'));
    for (const [j, mount] of (container.volumeMounts ?? []).entries()) {
      const field = `${at}.volumeMounts[${j}]`;
      if (!volumes.has(mount.name)) errors.push(notFound(`${field}.name`, mount.name));
      if (mount.subPath)
        errors.push(forbidden(`${field}.subPath`, 'cannot be set for an Ephemeral Container'));
    }
  }
  for (const before of old.spec?.ephemeralContainers ?? []) errors.push(...kept(before, list, path));
  return errors;
}

function kept(before: EphemeralContainer, list: readonly EphemeralContainer[], path: string): FieldError[] {
  const now = list.find(({ name }) => name === before.name);
  const named = `existing ephemeral containers ${JSON.stringify(before.name)} may not be`;
  if (now === undefined) return [forbidden(path, `${named} removed\n`)];
  return same(now, before) ? [] : [forbidden(path, `${named} changed\n`)];
}

export function validateResize(pod: Pod, old: Pod): FieldError[] {
  const errors: FieldError[] = [];
  if (old.metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined)
    errors.push(forbidden('', 'static pods cannot be resized'));
  for (const list of ['containers', 'initContainers'] as const)
    for (const [i, container] of (pod.spec?.[list] ?? []).entries()) {
      const before = old.spec?.[list]?.find(({ name }) => name === container.name);
      if (before === undefined) continue;
      const at = `spec.${list}[${i}]`;
      errors.push(...validateResources(container.resources, `${at}.resources`));
      errors.push(...resized(container, before, at, list === 'initContainers'));
    }
  const classes = [pod, old].map(({ spec }) => (spec === undefined ? '' : qualityOfService(spec)));
  if (classes[0] !== classes[1])
    errors.push(invalid('spec', classes[0], 'Pod QOS Class may not change as a result of resizing'));
  return errors;
}

function resized(now: Container, before: Container, at: string, isInit: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (same(now.resources, before.resources)) return errors;
  if (isInit && before.restartPolicy !== 'Always')
    errors.push(forbidden('spec.initContainers', 'resources for non-sidecar init containers are immutable'));
  for (const list of ['limits', 'requests'] as const) {
    const [after, old] = [now.resources?.[list] ?? {}, before.resources?.[list] ?? {}];
    for (const name of new Set([...Object.keys(after), ...Object.keys(old)])) {
      if (name !== 'cpu' && name !== 'memory' && after[name] !== old[name])
        errors.push(forbidden('spec', 'only cpu and memory resources are mutable'));
      else if (after[name] === undefined)
        errors.push(forbidden(`${at}.resources.${list}`, `resource ${list} cannot be removed`));
    }
  }
  return errors;
}
