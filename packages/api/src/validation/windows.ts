/** The rules of pods for Windows, of which a cluster may have nodes, and of what belongs to one system only. */
import type {
  Container,
  EphemeralContainer,
  PodSpec,
  WindowsSecurityContextOptions,
} from '../generated/types.ts';
import { checkDns1123Subdomain } from '../names.ts';
import { invalidBy } from './checks.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from './field-error.ts';

const MAX_SPEC_KIB = 64;
const MAX_DOMAIN = 256;
const MAX_USER = 104;
const NET_BIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const DNS =
  /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

export function validateWindowsOptions(
  options: WindowsSecurityContextOptions | undefined,
  at: string,
): FieldError[] {
  if (options === undefined) return [];
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: spec, runAsUserName } = options;
  const errors: FieldError[] = [];
  if (name !== undefined)
    errors.push(...invalidBy(checkDns1123Subdomain(name), `${at}.gmsaCredentialSpecName`, name));
  const field = `${at}.gmsaCredentialSpec`;
  if (spec === '') errors.push(invalid(field, spec, 'gmsaCredentialSpec cannot be an empty string'));
  else if (spec !== undefined && Buffer.byteLength(spec) > MAX_SPEC_KIB * 1024)
    errors.push(invalid(field, spec, `gmsaCredentialSpec size must be under ${MAX_SPEC_KIB} KiB`));
  if (runAsUserName !== undefined)
    errors.push(...invalidBy(userProblems(runAsUserName), `${at}.runAsUserName`, runAsUserName));
  return errors;
}

/** `DOMAIN\user`, of which the domain may be left out. */
function userProblems(name: string): string[] {
  if (name === '') return ['runAsUserName cannot be an empty string'];
  if (isControlled(name)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const domain = parts.length === 2 ? (parts[0] ?? '') : undefined;
  const user = parts.at(-1) ?? '';
  const out: string[] = [];
  if (domain !== undefined) {
    if (domain.length >= MAX_DOMAIN)
      out.push(`runAsUserName's Domain length must be under ${MAX_DOMAIN} characters`);
    if (!NET_BIOS.test(domain) && !DNS.test(domain))
      out.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  }
  if (user === '') out.push("runAsUserName's User cannot be empty");
  else if (user.length > MAX_USER)
    out.push(`runAsUserName's User length must not be longer than ${MAX_USER} characters`);
  if (/^[. ]+$/.test(user)) out.push("runAsUserName's User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user))
    out.push(`runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`);
  return out;
}

function isControlled(text: string): boolean {
  return Array.from(text).some((character) => character < ' ' || character === '\u007f');
}

type AnyContainer = Container | EphemeralContainer;

/** Init containers come first, as upstream visits them. */
export function everyContainer(spec: PodSpec, path: string): [container: AnyContainer, at: string][] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, i): [AnyContainer, string] => [container, `${path}.${list}[${i}]`]),
  );
}

/** Containers that are processes of the host: all of a pod's, or none. */
export function validateHostProcess(spec: PodSpec, path: string): FieldError[] {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  const isUsed =
    ofPod !== undefined ||
    everyContainer(spec, path).some(
      ([{ securityContext }]) => securityContext?.windowsOptions?.hostProcess !== undefined,
    );
  if (!isUsed) return [];
  const errors: FieldError[] = [];
  const containers = everyContainer(spec, path);
  let count = 0;
  for (const [{ securityContext }, at] of containers) {
    const own = securityContext?.windowsOptions?.hostProcess;
    if (ofPod !== undefined && own !== undefined && ofPod !== own)
      errors.push(
        invalid(
          `${at}.securityContext.windowsOptions.hostProcess`,
          own,
          `pod hostProcess value must be identical if both are specified, was ${ofPod}`,
        ),
      );
    if (own ?? ofPod === true) count++;
  }
  if (count === 0) return errors;
  if (count !== containers.length)
    errors.push(
      invalid(
        path,
        '',
        'If pod contains any hostProcess containers then all containers must be HostProcess containers',
      ),
    );
  if (spec.hostNetwork !== true)
    errors.push(
      invalid(
        `${path}.hostNetwork`,
        false,
        'hostNetwork must be true if pod contains any hostProcess containers',
      ),
    );
  return errors;
}

const SYSTEMS = ['linux', 'windows'];

/** A pod that says which system it is for has nothing of the other. */
export function validateSystem(spec: PodSpec, path: string): FieldError[] {
  const name = spec.os?.name;
  if (spec.os === undefined) return [];
  if (!name) return [required(`${path}.os.name`)];
  if (!SYSTEMS.includes(name)) return [notSupported(`${path}.os`, name, SYSTEMS)];
  return name === 'linux' ? onlyLinux(spec, path) : onlyWindows(spec, path);
}

function onlyLinux(spec: PodSpec, path: string): FieldError[] {
  const detail = 'windows options cannot be set for a linux pod';
  const errors =
    spec.securityContext?.windowsOptions === undefined
      ? []
      : [forbidden(`${path}.securityContext.windowsOptions`, detail)];
  for (const [{ securityContext }, at] of everyContainer(spec, path))
    if (securityContext?.windowsOptions !== undefined)
      errors.push(forbidden(`${at}.securityContext.windowsOptions`, detail));
  return errors;
}

const NOT_OF_POD = [
  'securityContext.appArmorProfile',
  'securityContext.seLinuxOptions',
  'hostUsers',
  'hostPID',
  'hostIPC',
  'securityContext.seccompProfile',
  'securityContext.fsGroup',
  'securityContext.fsGroupChangePolicy',
  'securityContext.sysctls',
  'shareProcessNamespace',
  'securityContext.runAsUser',
  'securityContext.runAsGroup',
  'securityContext.supplementalGroups',
  'securityContext.supplementalGroupsPolicy',
  'securityContext.seLinuxChangePolicy',
];
const NOT_OF_CONTAINER = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const;

function onlyWindows(spec: PodSpec, path: string): FieldError[] {
  const detail = 'cannot be set for a windows pod';
  const errors: FieldError[] = [];
  for (const field of NOT_OF_POD) {
    const [first = '', second] = field.split('.');
    const outer = (spec as unknown as Readonly<Record<string, unknown>>)[first];
    const value =
      second === undefined ? outer : (outer as Readonly<Record<string, unknown>> | undefined)?.[second];
    // Two of the fields are flags that say nothing when they are false.
    const isFlag = field === 'hostPID' || field === 'hostIPC';
    if (value !== undefined && !(isFlag && value === false))
      errors.push(forbidden(`${path}.${field}`, detail));
  }
  for (const [{ securityContext }, at] of everyContainer(spec, path))
    for (const field of NOT_OF_CONTAINER)
      if (securityContext?.[field] !== undefined)
        errors.push(forbidden(`${at}.securityContext.${field}`, detail));
  return errors;
}
