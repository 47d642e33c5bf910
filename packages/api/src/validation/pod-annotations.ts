/** The rules of annotations that mean something to a pod: mirrors of static pods, and security profiles of old. */
import type { AppArmorProfile, PodSpec, SeccompProfile, Toleration } from '../generated/types.ts';
import { forbidden, invalid, type FieldError } from './field-error.ts';
import { relativePath } from './paths.ts';
import { validateTolerations } from './placement.ts';
import { everyContainer } from './windows.ts';

type Annotations = Readonly<Record<string, string>> | undefined;

const MIRROR = 'kubernetes.io/config.mirror';
const TOLERATIONS = 'scheduler.alpha.kubernetes.io/tolerations';
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
/** Before the name of a container: its profile, as it was said before there was a field. */
export const APP_ARMOR = 'container.apparmor.security.beta.kubernetes.io/';

export function validatePodAnnotations(annotations: Annotations, spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (annotations === undefined) return errors;
  const mirror = annotations[MIRROR];
  if (mirror !== undefined && !spec.nodeName)
    errors.push(
      invalid(`${path}[${MIRROR}]`, mirror, 'must set spec.nodeName if mirror pod annotation is set'),
    );
  if (annotations[TOLERATIONS]) errors.push(...tolerations(annotations[TOLERATIONS], path));
  const cost = annotations[DELETION_COST];
  if (cost !== undefined && !isInt32(cost))
    errors.push(invalid(`${path}[${DELETION_COST}]`, cost, 'must be a 32bit integer'));
  const pod = annotations[SECCOMP_POD];
  if (pod !== undefined) errors.push(...seccomp(pod, `${path}.${SECCOMP_POD}`));
  let containers: ReadonlySet<string> | undefined;
  for (const [key, value] of Object.entries(annotations))
    if (key.startsWith(SECCOMP_CONTAINER)) errors.push(...seccomp(value, `${path}.${key}`));
    else if (key.startsWith(APP_ARMOR)) {
      containers ??= new Set(everyContainer(spec, '').map(([{ name }]) => name));
      errors.push(...appArmor(key, value, containers, `${path}[${key}]`));
    }
  return errors;
}

/** In full, without a sign in front of a positive number, and no zeros. */
function isInt32(text: string): boolean {
  const value = Number(text);
  return /^(0|-?[1-9]\d*)$/.test(text) && value >= -(2 ** 31) && value < 2 ** 31;
}

function tolerations(text: string, path: string): FieldError[] {
  try {
    const list: unknown = JSON.parse(text);
    if (!Array.isArray(list)) throw new TypeError('json: cannot unmarshal into a list of tolerations');
    return validateTolerations(
      list.map((one) => Object(one) as Toleration),
      `${path}.${TOLERATIONS}`,
    );
  } catch (error) {
    return [invalid(path, TOLERATIONS, error instanceof Error ? error.message : String(error))];
  }
}

function seccomp(profile: string, field: string): FieldError[] {
  if (['runtime/default', 'docker/default', 'unconfined'].includes(profile)) return [];
  if (profile.startsWith('localhost/')) return relativePath(field, profile.slice('localhost/'.length));
  return [invalid(field, profile, 'must be a valid seccomp profile')];
}

function appArmor(
  key: string,
  profile: string,
  containers: ReadonlySet<string>,
  field: string,
): FieldError[] {
  const container = key.slice(APP_ARMOR.length);
  const errors: FieldError[] = [];
  if (!containers.has(container)) errors.push(invalid(field, container, 'container not found'));
  const isKnown = ['', 'runtime/default', 'unconfined'].includes(profile) || profile.startsWith('localhost/');
  if (!isKnown)
    errors.push(invalid(field, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`));
  return errors;
}

/** Annotations that say what has happened to a pod stay as they are. */
export function validatePodAnnotationUpdate(now: Annotations = {}, before: Annotations = {}): FieldError[] {
  const errors: FieldError[] = [];
  const at = (key: string): string => `metadata.annotations[${key}]`;
  for (const [key, value] of Object.entries(before)) {
    if (now[key] === value) continue;
    if (key.startsWith(APP_ARMOR))
      errors.push(forbidden(at(key), 'may not remove or update AppArmor annotations'));
    if (key === MIRROR) errors.push(forbidden(at(key), 'may not remove or update mirror pod annotation'));
  }
  for (const key of Object.keys(now)) {
    if (before[key] !== undefined) continue;
    if (key.startsWith(APP_ARMOR)) errors.push(forbidden(at(key), 'may not add AppArmor annotations'));
    if (key === MIRROR) errors.push(forbidden(at(key), 'may not add mirror pod annotation'));
  }
  return errors;
}

/** Who says the same thing by a field and by an annotation says the same thing. */
export function profilesMatch(annotations: Annotations, spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (annotations === undefined) return errors;
  const ofPod = spec.securityContext;
  const own = annotations[SECCOMP_POD];
  if (ofPod?.seccompProfile !== undefined && own !== undefined)
    errors.push(...matches(own, ofPod.seccompProfile, `${path}.securityContext.seccompProfile`, 'seccomp'));
  const containers = everyContainer(spec, path);
  for (const [{ name, securityContext }, at] of containers) {
    const annotation = annotations[SECCOMP_CONTAINER + name];
    const profile = securityContext?.seccompProfile;
    if (profile !== undefined && annotation !== undefined)
      errors.push(...matches(annotation, profile, `${at}.securityContext.seccompProfile`, 'seccomp'));
  }
  if (spec.os?.name === 'windows') return errors;
  for (const [{ name, securityContext }, at] of containers) {
    const annotation = annotations[APP_ARMOR + name];
    const profile = securityContext?.appArmorProfile ?? ofPod?.appArmorProfile;
    if (profile !== undefined && annotation !== undefined)
      errors.push(...matches(annotation, profile, `${at}.securityContext.appArmorProfile`, 'apparmor'));
  }
  return errors;
}

function matches(
  annotation: string,
  { type, localhostProfile }: SeccompProfile | AppArmorProfile,
  at: string,
  what: 'seccomp' | 'apparmor',
): FieldError[] {
  const differs = [forbidden(`${at}.type`, `${what} type in annotation and field must match`)];
  if (type === 'Unconfined') return annotation === 'unconfined' ? [] : differs;
  if (type === 'RuntimeDefault') {
    const isDefault =
      annotation === 'runtime/default' || (what === 'seccomp' && annotation === 'docker/default');
    return isDefault ? [] : differs;
  }
  if (type !== 'Localhost') return [];
  if (!annotation.startsWith('localhost/')) return differs;
  return annotation.slice('localhost/'.length) === localhostProfile
    ? []
    : [forbidden(`${at}.localhostProfile`, `${what} profile in annotation and field must match`)];
}
