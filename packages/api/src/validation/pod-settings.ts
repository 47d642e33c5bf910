/** The rules of what a pod says about itself as a whole: names, DNS, host files, claims, gates. */
import type { PodDNSConfig, PodResourceClaim, PodSpec } from '../generated/types.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkDns1123SubdomainWithUnderscores } from '../names.ts';
import { address } from './addresses.ts';
import { checkName, invalidBy, qualifiedName } from './checks.ts';
import { duplicate, forbidden, invalid, required, tooLong, type FieldError } from './field-error.ts';

const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARACTERS = 2_048;

export function validateDns({ dnsPolicy, dnsConfig }: PodSpec, at: string): FieldError[] {
  if (dnsPolicy === 'None') {
    if (dnsConfig === undefined) return [required(at, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if ((dnsConfig.nameservers ?? []).length === 0)
      return [
        required(`${at}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'),
      ];
  }
  return dnsConfig === undefined ? [] : resolver(dnsConfig, at);
}

function resolver({ nameservers = [], searches = [], options = [] }: PodDNSConfig, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (nameservers.length > MAX_NAMESERVERS)
    errors.push(
      invalid(`${at}.nameservers`, nameservers, `must not have more than ${MAX_NAMESERVERS} nameservers`),
    );
  for (const [i, server] of nameservers.entries()) errors.push(...address(`${at}.nameservers[${i}]`, server));
  if (searches.length > MAX_SEARCHES)
    errors.push(invalid(`${at}.searches`, searches, `must not have more than ${MAX_SEARCHES} search paths`));
  if (searches.join(' ').length > MAX_SEARCH_CHARACTERS)
    errors.push(
      invalid(
        `${at}.searches`,
        searches,
        `must not have more than ${MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list`,
      ),
    );
  for (const [i, search] of searches.entries()) {
    if (search === '.') continue;
    const name = search.replace(/\.$/, '');
    errors.push(...invalidBy(checkDns1123SubdomainWithUnderscores(name), `${at}.searches[${i}]`, name));
  }
  for (const [i, option] of options.entries())
    if (!option.name) errors.push(required(`${at}.options[${i}]`, 'must not be empty'));
  return errors;
}

export function validateHostAliases(list: NonNullable<PodSpec['hostAliases']>, path: string): FieldError[] {
  return list.flatMap(({ ip, hostnames = [] }, i) => [
    ...address(`${path}[${i}].ip`, ip ?? ''),
    ...hostnames.flatMap((name, j) =>
      invalidBy(checkDns1123Subdomain(name), `${path}[${i}].hostnames[${j}]`, name),
    ),
  ]);
}

/** Users of the pod's own do not go with the host's namespaces. */
export function validateHostUsers(spec: PodSpec, path: string): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const detail = 'when `hostUsers` is false';
  const errors: FieldError[] = [];
  if (spec.hostNetwork === true) errors.push(forbidden(`${path}.hostNetwork`, detail));
  if (spec.hostPID === true) errors.push(forbidden(`${path}.HostPID`, detail));
  if (spec.hostIPC === true) errors.push(forbidden(`${path}.HostIPC`, detail));
  return errors;
}

/** A hostname of any form stands for itself: nothing else may say what the host is called. */
export function validateHostnameOverride(spec: PodSpec, path: string): FieldError[] {
  const name = spec.hostnameOverride;
  if (name === undefined) return [];
  const field = `${path}.hostnameOverride`;
  const errors = name.length > MAX_HOSTNAME ? [tooLong(field, MAX_HOSTNAME)] : [];
  errors.push(...invalidBy(checkDns1123Subdomain(name), field, name));
  const detail = 'cannot be set to true when `hostnameOverride` is specified';
  if (spec.setHostnameAsFQDN === true) errors.push(forbidden(`${path}.setHostnameAsFQDN`, detail));
  if (spec.hostNetwork === true) errors.push(forbidden(`${path}.hostNetwork`, detail));
  return errors;
}

/** What a Linux kernel takes. */
const MAX_HOSTNAME = 64;

export function validateResourceClaims(list: readonly PodResourceClaim[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, claim] of list.entries()) {
    const at = `${path}[${i}]`;
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    if (name && names.has(name)) errors.push(duplicate(`${at}.name`, name));
    else errors.push(...checkName(`${at}.name`, name, checkDns1123Label));
    names.add(name);
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined)
      errors.push(
        invalid(
          at,
          claim,
          'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
        ),
      );
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined)
      errors.push(
        invalid(at, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'),
      );
    for (const [field, value] of [
      ['resourceClaimName', resourceClaimName],
      ['resourceClaimTemplateName', resourceClaimTemplateName],
    ] as const)
      if (value !== undefined)
        errors.push(...invalidBy(checkDns1123Subdomain(value), `${at}.${field}`, value));
  }
  return errors;
}

export function validateReadinessGates(
  list: NonNullable<PodSpec['readinessGates']>,
  path: string,
): FieldError[] {
  return list.flatMap(({ conditionType }, i) => qualifiedName(`${path}[${i}].conditionType`, conditionType));
}

export function validateSchedulingGates(
  list: NonNullable<PodSpec['schedulingGates']>,
  path: string,
): FieldError[] {
  const names = new Set<string>();
  return list.flatMap(({ name }, i) => {
    const errors = qualifiedName(`${path}[${i}]`, name);
    if (names.has(name)) errors.push(duplicate(`${path}[${i}]`, name));
    names.add(name);
    return errors;
  });
}
