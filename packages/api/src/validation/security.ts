/** The rules of what pods and containers may do: identities, profiles, kernel settings. */
import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
} from '../generated/types.ts';
import { inRange } from './checks.ts';
import { duplicate, invalid, notSupported, required, tooLong, type FieldError } from './field-error.ts';
import { relativePath } from './paths.ts';
import { validateWindowsOptions } from './windows.ts';

const MAX_ID = 2_147_483_647;

export function identity(field: string, id: number | undefined): FieldError[] {
  return id === undefined ? [] : inRange(field, id, 0, MAX_ID);
}

function oneOfGiven(field: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  return value === undefined || supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

export function validatePodSecurity(context: PodSecurityContext, spec: PodSpec, at: string): FieldError[] {
  const errors = [
    ...identity(`${at}.fsGroup`, context.fsGroup),
    ...identity(`${at}.runAsUser`, context.runAsUser),
    ...identity(`${at}.runAsGroup`, context.runAsGroup),
  ];
  for (const [i, group] of (context.supplementalGroups ?? []).entries())
    errors.push(...identity(`${at}.supplementalGroups[${i}]`, group));
  errors.push(...sysctls(context, spec, `${at}.sysctls`));
  errors.push(
    ...oneOfGiven(`${at}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']),
  );
  errors.push(...seccomp(context.seccompProfile, `${at}.seccompProfile`));
  errors.push(...validateWindowsOptions(context.windowsOptions, `${at}.windowsOptions`));
  errors.push(...appArmor(context.appArmorProfile, `${at}.appArmorProfile`));
  errors.push(
    ...oneOfGiven(`${at}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ['Merge', 'Strict']),
    ...oneOfGiven(`${at}.seLinuxChangePolicy`, context.seLinuxChangePolicy, ['Recursive']),
  );
  return errors;
}

const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const MAX_SYSCTL = 253;
const NOT_A_SYSCTL = `must have at most ${MAX_SYSCTL} characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`;

function sysctls({ sysctls: list = [] }: PodSecurityContext, spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, { name }] of list.entries()) {
    const field = `${path}[${i}].name`;
    if (!name) errors.push(required(field));
    else if (name.length > MAX_SYSCTL || !SYSCTL.test(name)) errors.push(invalid(field, name, NOT_A_SYSCTL));
    else if (names.has(name)) errors.push(duplicate(field, name));
    const space = namespaceOf(name ?? '');
    if (spec.hostNetwork === true && space === 'net')
      errors.push(invalid(field, name, "may not be specified when 'hostNetwork' is true"));
    else if (spec.hostIPC === true && space === 'ipc')
      errors.push(invalid(field, name, "may not be specified when 'hostIPC' is true"));
    names.add(name);
  }
  return errors;
}

/** The kernel namespace that a setting belongs to, if it has one. */
function namespaceOf(sysctl: string): 'net' | 'ipc' | undefined {
  const name = sysctl.replaceAll('/', '.');
  if (name.startsWith('net.')) return 'net';
  const isIpc = name === 'kernel.sem' || /^(kernel\.(shm|msg)|fs\.mqueue\.)/.test(name);
  return isIpc ? 'ipc' : undefined;
}

const PROFILES = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function seccomp(profile: SeccompProfile | undefined, at: string): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile: own } = profile;
  const errors: FieldError[] = [];
  if (!type) errors.push(required(`${at}.type`, 'type is required when seccompProfile is set'));
  else if (!PROFILES.includes(type)) errors.push(notSupported(`${at}.type`, type, PROFILES));
  const field = `${at}.localhostProfile`;
  if (type === 'Localhost') {
    if (own === undefined) errors.push(required(field, 'must be set when seccomp type is Localhost'));
    else errors.push(...relativePath(field, own));
  } else if (own !== undefined)
    errors.push(invalid(field, profile, 'can only be set when seccomp type is Localhost'));
  return errors;
}

const MAX_PROFILE = 4_095;

function appArmor(profile: AppArmorProfile | undefined, at: string): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile: own } = profile;
  const field = `${at}.localhostProfile`;
  if (!type) return [required(`${at}.type`, 'type is required when appArmorProfile is set')];
  if (!PROFILES.includes(type)) return [notSupported(`${at}.type`, type, PROFILES)];
  if (type !== 'Localhost')
    return own === undefined ? [] : [invalid(field, own, 'can only be set when AppArmor type is Localhost')];
  const errors: FieldError[] = [];
  if (own === undefined || own === '')
    errors.push(required(field, 'must be set when AppArmor type is Localhost'));
  else if (own.trim() !== own) errors.push(invalid(field, own, 'must not be padded with whitespace'));
  if (own !== undefined && Buffer.byteLength(own) > MAX_PROFILE) errors.push(tooLong(field, MAX_PROFILE));
  return errors;
}

/** `hasHostUsers` tells pods whose users are the host's. */
export function validateContainerSecurity(
  context: SecurityContext,
  at: string,
  hasHostUsers: boolean,
): FieldError[] {
  const { procMount, allowPrivilegeEscalation, privileged, capabilities } = context;
  const errors = [
    ...identity(`${at}.runAsUser`, context.runAsUser),
    ...identity(`${at}.runAsGroup`, context.runAsGroup),
  ];
  if (procMount !== undefined) {
    errors.push(...oneOfGiven(`${at}.procMount`, procMount, ['Default', 'Unmasked']));
    if (hasHostUsers && procMount === 'Unmasked')
      errors.push(invalid(`${at}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`'));
  }
  errors.push(...seccomp(context.seccompProfile, `${at}.seccompProfile`));
  if (allowPrivilegeEscalation === false) {
    const set = 'cannot set `allowPrivilegeEscalation` to false and';
    if (privileged === true) errors.push(invalid(at, context, `${set} \`privileged\` to true`));
    for (const capability of capabilities?.add ?? [])
      if (capability === 'CAP_SYS_ADMIN')
        errors.push(invalid(at, context, `${set} \`capabilities.Add\` CAP_SYS_ADMIN`));
  }
  errors.push(...validateWindowsOptions(context.windowsOptions, `${at}.windowsOptions`));
  errors.push(...appArmor(context.appArmorProfile, `${at}.appArmorProfile`));
  return errors;
}
