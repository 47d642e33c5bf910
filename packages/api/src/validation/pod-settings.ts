/** The rules of what a pod says about itself as a whole: names, security, DNS, host files, restarts. */
import { isIP } from 'node:net';
import type { Container, PodSpec, SecurityContext } from '../generated/types.ts';
import { checkDns1123Subdomain } from '../names.ts';
import { checkName, inRange, nonNegative, oneOf } from './checks.ts';
import { relativePath } from './mounts.ts';
import { forbidden, invalid, notSupported, required, tooMany, type FieldError } from './field-error.ts';

const MAX_ID = 2_147_483_647;
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const RESTARTS = ['Always', 'Never', 'OnFailure'];
const DNS_POLICIES = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];

export function validateSettings(spec: PodSpec, path: string): FieldError[] {
  const errors = oneOf(`${path}.restartPolicy`, spec.restartPolicy, RESTARTS);
  errors.push(...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES));
  errors.push(...dns(spec, path));
  for (const [i, { ip, hostnames }] of (spec.hostAliases ?? []).entries()) {
    const at = `${path}.hostAliases[${i}]`;
    if (isIP(ip) === 0)
      errors.push(invalid(`${at}.ip`, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'));
    for (const [j, name] of (hostnames ?? []).entries())
      errors.push(...checkName(`${at}.hostnames[${j}]`, name, checkDns1123Subdomain));
  }
  const security = spec.securityContext;
  for (const field of ['runAsUser', 'runAsGroup', 'fsGroup'] as const)
    errors.push(...identity(security?.[field], `${path}.securityContext.${field}`));
  for (const [i, group] of (security?.supplementalGroups ?? []).entries())
    errors.push(...identity(group, `${path}.securityContext.supplementalGroups[${i}]`));
  errors.push(...profiles(security, `${path}.securityContext`));
  const named = new Set<string>();
  for (const [i, { name }] of (security?.sysctls ?? []).entries()) {
    const field = `${path}.securityContext.sysctls[${i}].name`;
    if (!name) errors.push(required(field));
    else if (!/^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9][-_a-z0-9]*[a-z0-9]$/.test(name.slice(0, 254)))
      errors.push(
        invalid(
          field,
          name,
          'must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*([a-z0-9][-_a-z0-9]*)?[a-z0-9]$',
        ),
      );
    else if (named.has(name)) errors.push({ type: 'Duplicate', field, badValue: name, detail: '' });
    named.add(name);
  }
  if (spec.preemptionPolicy !== undefined)
    errors.push(
      ...oneOf(`${path}.preemptionPolicy`, spec.preemptionPolicy, ['Never', 'PreemptLowerPriority']),
    );
  if (spec.os !== undefined) errors.push(...oneOf(`${path}.os.name`, spec.os.name, ['linux', 'windows']));
  if (spec.shareProcessNamespace === true && spec.hostPID === true)
    errors.push(
      invalid(
        `${path}.shareProcessNamespace`,
        true,
        'ShareProcessNamespace and HostPID cannot both be enabled',
      ),
    );
  return errors;
}

interface WithProfiles {
  readonly seccompProfile?: { readonly type: string; readonly localhostProfile?: string };
  readonly appArmorProfile?: { readonly type: string; readonly localhostProfile?: string };
}

/** A profile of the node's own has a name, and no other one has. */
function profiles(context: WithProfiles | undefined, at: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, kind] of [
    ['seccompProfile', 'seccomp'],
    ['appArmorProfile', 'AppArmor'],
  ] as const) {
    const profile = context?.[name];
    if (profile === undefined) continue;
    const field = `${at}.${name}.localhostProfile`;
    const own = profile.localhostProfile;
    if (!profile.type) errors.push(required(`${at}.${name}.type`, `type is required when ${name} is set`));
    if (profile.type === 'Localhost') {
      if (own === undefined || (own === '' && kind === 'AppArmor'))
        errors.push(required(field, `must be set when ${kind} type is Localhost`));
      else if (kind === 'seccomp') errors.push(...relativePath(field, own));
    } else if (own !== undefined)
      errors.push(
        invalid(field, kind === 'seccomp' ? profile : own, `can only be set when ${kind} type is Localhost`),
      );
  }
  return errors;
}

function identity(id: number | undefined, at: string): FieldError[] {
  return id === undefined ? [] : inRange(at, id, 0, MAX_ID);
}

function dns({ dnsPolicy, dnsConfig }: PodSpec, path: string): FieldError[] {
  const at = `${path}.dnsConfig`;
  const errors: FieldError[] = [];
  if (dnsPolicy === 'None') {
    if (dnsConfig === undefined)
      return [required(at, `must provide \`dnsConfig\` when \`dnsPolicy\` is None`)];
    if ((dnsConfig.nameservers ?? []).length === 0)
      return [
        required(`${at}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'),
      ];
  }
  const servers = dnsConfig?.nameservers ?? [];
  const searches = dnsConfig?.searches ?? [];
  if (servers.length > MAX_NAMESERVERS)
    errors.push(
      invalid(`${at}.nameservers`, servers, `must not have more than ${MAX_NAMESERVERS} nameservers`),
    );
  for (const [i, server] of servers.entries())
    if (isIP(server) === 0)
      errors.push(
        invalid(
          `${at}.nameservers[${i}]`,
          server,
          'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        ),
      );
  if (searches.length > MAX_SEARCHES) errors.push(tooMany(`${at}.searches`, searches.length, MAX_SEARCHES));
  for (const [i, option] of (dnsConfig?.options ?? []).entries())
    if (!option.name) errors.push(required(`${at}.options[${i}]`, 'must not be empty'));
  return errors;
}

/** What one container may do, and the hooks of its life. */
export function validateContainerSettings(
  container: Pick<Container, 'securityContext' | 'lifecycle' | 'imagePullPolicy' | 'envFrom'>,
  at: string,
): FieldError[] {
  const errors = security(container.securityContext, `${at}.securityContext`);
  for (const hook of ['postStart', 'preStop'] as const) {
    const handler = container.lifecycle?.[hook];
    if (handler === undefined) continue;
    const kinds = Object.entries(handler).filter(([, value]) => value !== undefined);
    if (kinds.length === 0) errors.push(required(`${at}.lifecycle.${hook}`, 'must specify a handler type'));
    for (const [name] of kinds.slice(1))
      errors.push(forbidden(`${at}.lifecycle.${hook}.${name}`, 'may not specify more than 1 handler type'));
    if (handler.exec !== undefined && (handler.exec.command ?? []).length === 0)
      errors.push(required(`${at}.lifecycle.${hook}.exec.command`));
    errors.push(...nonNegative(`${at}.lifecycle.${hook}.sleep.seconds`, handler.sleep?.seconds));
  }
  for (const [i, source] of (container.envFrom ?? []).entries()) {
    const field = `${at}.envFrom[${i}]`;
    const { configMapRef, secretRef } = source;
    if (configMapRef === undefined && secretRef === undefined)
      errors.push(invalid(field, '', 'must specify one of: `configMapRef` or `secretRef`'));
    else if (configMapRef !== undefined && secretRef !== undefined)
      errors.push(invalid(field, '', 'may not have more than one field specified at a time'));
    for (const [reference, name] of [
      [configMapRef, 'configMapRef'],
      [secretRef, 'secretRef'],
    ] as const)
      if (reference !== undefined && !reference.name) errors.push(required(`${field}.${name}.name`));
  }
  return errors;
}

function security(context: SecurityContext | undefined, at: string): FieldError[] {
  if (context === undefined) return [];
  const errors = identity(context.runAsUser, `${at}.runAsUser`);
  errors.push(...identity(context.runAsGroup, `${at}.runAsGroup`));
  if (context.allowPrivilegeEscalation === false && context.privileged === true)
    errors.push(
      invalid(at, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
    );
  if (
    context.allowPrivilegeEscalation === false &&
    context.capabilities?.add?.includes('CAP_SYS_ADMIN') === true
  )
    errors.push(
      invalid(
        at,
        context,
        'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
      ),
    );
  errors.push(...profiles(context, at));
  const mounts = ['Default', 'Unmasked'];
  if (context.procMount !== undefined && !mounts.includes(context.procMount))
    errors.push(notSupported(`${at}.procMount`, context.procMount, mounts));
  return errors;
}

const ONLY_SIDECARS = 'may not be set for init containers without restartPolicy=Always';

/** An init container that ends has no life to watch. */
export function validateInitContainers(containers: readonly Container[], path: string): FieldError[] {
  return containers.flatMap((container, i) => {
    if (container.restartPolicy === 'Always') return [];
    return (['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const).flatMap((field) =>
      container[field] === undefined ? [] : [forbidden(`${path}[${i}].${field}`, ONLY_SIDECARS)],
    );
  });
}
