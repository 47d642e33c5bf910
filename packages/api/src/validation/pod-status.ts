/** What may be said of a pod: what has ended stays so, and addresses are addresses. */
import type { ContainerStatus, Pod, PodCondition, PodSpec, PodStatus } from '../generated/types.ts';
import { checkDns1123Subdomain } from '../names.ts';
import { address, isDualStack } from './addresses.ts';
import { IMMUTABLE, invalidBy, qualifiedName } from './checks.ts';
import { duplicate, forbidden, invalid, notSupported, type FieldError } from './field-error.ts';
import { validatePodAnnotationUpdate } from './pod-annotations.ts';
import { identity } from './security.ts';

const LISTS = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const;

export function validatePodStatus(pod: Pod, old: Pod): FieldError[] {
  const { spec, status = {} } = pod;
  const before = old.status ?? {};
  const errors = validatePodAnnotationUpdate(pod.metadata?.annotations, old.metadata?.annotations);
  if (status.conditions !== undefined) errors.push(...conditions(status.conditions));
  const node = status.nominatedNodeName;
  if (node && node !== before.nominatedNodeName)
    errors.push(...invalidBy(checkDns1123Subdomain(node), 'status.nominatedNodeName', node));
  if ((status.qosClass ?? '') !== (before.qosClass ?? ''))
    errors.push(invalid('status.qosClass', status.qosClass ?? '', IMMUTABLE));
  for (const list of LISTS)
    errors.push(...stillEnded(status[list] ?? [], before[list] ?? [], list, old.spec));
  errors.push(...claimStatuses(status, spec));
  if (status.podIPs !== undefined) errors.push(...addresses(status.podIPs, 'status.podIPs', false));
  if (status.hostIPs !== undefined && status.hostIPs.length > 0) {
    const first = status.hostIPs[0]?.ip ?? '';
    if (first !== (status.hostIP ?? ''))
      errors.push(invalid('status.hostIPs[0].ip', first, 'must be equal to `hostIP`'));
    errors.push(...addresses(status.hostIPs, 'status.hostIPs', true));
  }
  for (const list of LISTS) errors.push(...users(status[list] ?? [], `status.${list}`, spec));
  for (const list of LISTS) errors.push(...allocated(status[list] ?? [], list, spec));
  return errors;
}

const SYSTEM: ReadonlySet<string> = new Set(['PodScheduled', 'Ready', 'Initialized']);

/** Upstream takes `metadata` for their place. */
function conditions(list: readonly PodCondition[]): FieldError[] {
  return list.flatMap(({ type }, i) =>
    SYSTEM.has(type) ? [] : qualifiedName(`metadata.conditions[${i}].Type`, type),
  );
}

/** A container that has ended for good does not run again. */
function stillEnded(
  now: readonly ContainerStatus[],
  before: readonly ContainerStatus[],
  list: (typeof LISTS)[number],
  spec: PodSpec | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const containers = firstByName(list === 'initContainerStatuses' ? spec?.initContainers : spec?.containers);
  const afterwards = firstByName(now);
  const podPolicy = list === 'ephemeralContainerStatuses' ? 'Never' : spec?.restartPolicy;
  for (const [i, { name, state }] of before.entries()) {
    if (state?.terminated === undefined) continue;
    const container = containers.get(name);
    const policy =
      list === 'ephemeralContainerStatuses' ? podPolicy : (container?.restartPolicy ?? podPolicy);
    if (policy === 'Always' || (container?.restartPolicyRules ?? []).length > 0) continue;
    if (policy === 'OnFailure' && state.terminated.exitCode !== 0) continue;
    const after = afterwards.get(name);
    if (after !== undefined && after.state?.terminated === undefined)
      errors.push(forbidden(`status.${list}[${i}].state`, 'may not be transitioned to non-terminated state'));
  }
  return errors;
}

/** Of two of one name the first counts. */
function firstByName<T extends { readonly name: string }>(list: readonly T[] = []): ReadonlyMap<string, T> {
  const byName = new Map<string, T>();
  for (const one of list) if (!byName.has(one.name)) byName.set(one.name, one);
  return byName;
}

function claimStatuses(
  { resourceClaimStatuses: list = [] }: PodStatus,
  spec: PodSpec | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const claims = new Set((spec?.resourceClaims ?? []).map((claim) => claim.name));
  for (const [i, { name, resourceClaimName }] of list.entries()) {
    const field = `status.resourceClaimStatuses[${i}].name`;
    if (!claims.has(name))
      errors.push(invalid(field, name, 'must match the name of an entry in `spec.resourceClaims`'));
    if (names.has(name)) errors.push(duplicate(field, name));
    names.add(name);
    if (resourceClaimName !== undefined)
      errors.push(...invalidBy(checkDns1123Subdomain(resourceClaimName), field, resourceClaimName));
  }
  return errors;
}

/** One of each family at most. */
function addresses(
  list: readonly { readonly ip?: string }[],
  path: string,
  repeatsFirst: boolean,
): FieldError[] {
  const texts = list.map(({ ip = '' }) => ip);
  const errors = texts.flatMap((text, i) => address(`${path}[${i}]`, text));
  if (texts.length < 2) return errors;
  const seen = new Set<string>();
  const repeated = list.flatMap((one, i) => {
    const text = texts[i] ?? '';
    if (seen.has(text)) return [duplicate(`${path}[${i}]`, one)];
    seen.add(text);
    return [];
  });
  const families =
    isDualStack(texts) && texts.length === 2
      ? []
      : [invalid(path, list, 'may specify no more than one IP for each IP family')];
  return [...errors, ...(repeatsFirst ? [...repeated, ...families] : [...families, ...repeated])];
}

/** As whom a container runs. */
function users(list: readonly ContainerStatus[], path: string, spec: PodSpec | undefined): FieldError[] {
  return list.flatMap(({ user }, i) => {
    if (user?.linux === undefined) return [];
    const at = `${path}[${i}].linux`;
    if (spec?.os?.name === 'windows') return [forbidden(at, 'cannot be set for a windows pod')];
    const { uid, gid, supplementalGroups = [] } = user.linux;
    return [
      ...identity(`${at}.uid`, uid),
      ...identity(`${at}.gid`, gid),
      ...supplementalGroups.flatMap((group, j) => identity(`${at}.supplementalGroups[${j}]`, group)),
    ];
  });
}

const HEALTH = ['Healthy', 'Unhealthy', 'Unknown'];

/** How the devices of a container are: those it asked for. */
function allocated(
  list: readonly ContainerStatus[],
  name: (typeof LISTS)[number],
  spec: PodSpec | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const containers = firstByName(name === 'containerStatuses' ? spec?.containers : spec?.initContainers);
  for (const [i, status] of list.entries()) {
    const given = status.allocatedResourcesStatus ?? [];
    const path = `status.${name}[${i}].allocatedResourcesStatus`;
    if (name === 'ephemeralContainerStatuses') {
      if (given.length > 0) errors.push(forbidden(path, 'must not be specified in container status'));
      continue;
    }
    const container = containers.get(status.name);
    const claims = new Set(
      (container?.resources?.claims ?? []).map(
        (claim) => `claim:${claim.name}${claim.request ? `/${claim.request}` : ''}`,
      ),
    );
    const requests = new Set(Object.keys(container?.resources?.requests ?? {}));
    for (const [j, resource] of given.entries()) {
      const isClaim = resource.name.startsWith('claim:');
      if (container !== undefined && !(isClaim ? claims : requests).has(resource.name))
        errors.push(
          invalid(
            `${path}[${j}].name`,
            resource.name,
            isClaim
              ? "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
              : "must match one of the container's resource requests",
          ),
        );
      const ids = new Set<string>();
      for (const [k, { health, resourceID }] of (resource.resources ?? []).entries()) {
        const at = `${path}[${j}].resources[${k}]`;
        if (!HEALTH.includes(health ?? '')) errors.push(notSupported(`${at}.health`, health ?? '', HEALTH));
        if (ids.has(resourceID)) errors.push(duplicate(`${at}.resourceID`, resourceID));
        ids.add(resourceID);
      }
    }
  }
  return errors;
}
