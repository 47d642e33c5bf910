/**
 * The rules of a service's cluster addresses and of their families. Clusters have addresses of IPv4 only, so that a
 * service of IPv6, or one that insists on both, cannot be.
 */
import { isIPv6 } from 'node:net';
import type { ServiceSpec } from '../generated/types.ts';
import { address, isDualStack } from './addresses.ts';
import { duplicate, invalid, notSupported, required, type FieldError } from './field-error.ts';

const FAMILIES = ['IPv4', 'IPv6'];
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const AT = 'spec.clusterIPs';

export function isHeadless({ clusterIPs = [] }: ServiceSpec): boolean {
  return clusterIPs.length === 1 && clusterIPs[0] === 'None';
}

export function clusterAddresses(spec: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName') return [];
  const { clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const errors: FieldError[] = [];
  if (clusterIP !== '') {
    if (clusterIPs.length === 0) errors.push(required(AT));
    else if (clusterIPs[0] !== clusterIP)
      errors.push(invalid(AT, clusterIPs, 'first value must match `clusterIP`'));
  } else if (clusterIPs.length > 0)
    errors.push(invalid(AT, clusterIPs, 'must be empty when `clusterIP` is not specified'));
  for (const [i, family] of ipFamilies.entries()) {
    if (!FAMILIES.includes(family)) errors.push(notSupported(`spec.ipFamilies[${i}]`, family, FAMILIES));
    if (ipFamilies.indexOf(family) < i) errors.push(duplicate(`spec.ipFamilies[${i}]`, family));
  }
  if (ipFamilyPolicy !== undefined && !POLICIES.includes(ipFamilyPolicy))
    errors.push(notSupported('spec.ipFamilyPolicy', ipFamilyPolicy, POLICIES));
  let isMalformed = false;
  for (const [i, text] of clusterIPs.entries()) {
    if (i === 0 && text === 'None') {
      if (clusterIPs.length > 1) {
        isMalformed = true;
        errors.push(invalid(AT, clusterIPs, "'None' must be the first and only value"));
      }
      continue;
    }
    const wrong = address(`${AT}[${i}]`, text);
    isMalformed ||= wrong.length > 0;
    errors.push(...wrong);
  }
  if (clusterIPs.length > 2) errors.push(invalid(AT, clusterIPs, 'may only hold up to 2 values'));
  if (isMalformed) return errors;
  if (clusterIPs.length > 1 && !isDualStack(clusterIPs))
    errors.push(invalid(AT, clusterIPs, 'may specify no more than one IP for each IP family'));
  if (!isHeadless(spec))
    for (const [i, text] of clusterIPs.entries()) {
      const family = ipFamilies[i];
      if (family !== undefined && (family === 'IPv6') !== isIPv6(text))
        errors.push(
          invalid(`${AT}[${i}]`, text, `expected an ${family} value as indicated by \`ipFamilies[${i}]\``),
        );
    }
  if (errors.length > 0) return errors;
  const disagreeing = agreement(spec);
  return disagreeing.length > 0 ? disagreeing : singleStack(spec);
}

/** Of policy, addresses and families; families that are not named are those of the addresses. */
function agreement({ clusterIPs = [], ipFamilies = [], ipFamilyPolicy }: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const several = (what: string): FieldError =>
    invalid(
      'spec.ipFamilyPolicy',
      ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    );
  if (ipFamilyPolicy === 'SingleStack') {
    if (clusterIPs.length === 2) errors.push(several('cluster IPs'));
    if (ipFamilies.length === 2) errors.push(several('IP families'));
  }
  for (const [i, text] of clusterIPs.entries())
    if (i >= ipFamilies.length && isIPv6(text))
      errors.push(invalid(`${AT}[${i}]`, clusterIPs, 'IPv6 is not configured on this cluster'));
  return errors;
}

/** A headless service without a selector is only what somebody writes into its endpoints. */
function singleStack(spec: ServiceSpec): FieldError[] {
  const { ipFamilies = [], ipFamilyPolicy, selector = {} } = spec;
  if (isHeadless(spec) && Object.keys(selector).length === 0) return [];
  const errors: FieldError[] = [];
  if (ipFamilyPolicy === 'RequireDualStack')
    errors.push(
      invalid(
        'spec.ipFamilyPolicy',
        ipFamilyPolicy,
        'this cluster is not configured for dual-stack services',
      ),
    );
  for (const [i, family] of ipFamilies.entries())
    if (family !== 'IPv4')
      errors.push(invalid(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster'));
  return errors;
}

const ONCE = 'may not change once set';

/** The first address and family stay; a second one may come and go. */
export function clusterAddressesUpdate(now: ServiceSpec, before: ServiceSpec): FieldError[] {
  if (now.type === 'ExternalName' || before.type === 'ExternalName') return [];
  const errors: FieldError[] = [];
  const [is, was] = [now.clusterIPs ?? [], before.clusterIPs ?? []];
  const isSingle = now.ipFamilyPolicy === 'SingleStack';
  if (!isHeadless(now) || !isHeadless(before)) {
    if (was.length === is.length) {
      for (const [i, text] of was.entries())
        if (text !== is[i]) errors.push(invalid(`${AT}[${i}]`, is, ONCE));
    } else {
      if (is.length === 0) errors.push(invalid(`${AT}[0]`, is, 'primary clusterIP can not be unset'));
      else if (was.length > 0 && is[0] !== was[0]) errors.push(invalid(`${AT}[0]`, is, ONCE));
      if (was.length > is.length && is.length === 1 && !isSingle)
        errors.push(
          invalid(
            'spec.ipFamilyPolicy',
            now.ipFamilyPolicy,
            "must be set to 'SingleStack' when releasing the secondary clusterIP",
          ),
        );
    }
  }
  const [families, familiesBefore] = [now.ipFamilies ?? [], before.ipFamilies ?? []];
  const isReduced = families.length === 1 && familiesBefore.length > 1;
  if (isHeadless(now) && isHeadless(before) && isReduced && !isSingle)
    errors.push(
      invalid(
        'spec.ipFamilyPolicy',
        now.ipFamilyPolicy,
        "must be 'SingleStack' to release the secondary IP family",
      ),
    );
  if (isHeadless(now) || isHeadless(before)) return errors;
  if (familiesBefore.length > 0 && families.length > 0 && families[0] !== familiesBefore[0])
    errors.push(invalid('spec.ipFamilies[0]', families, ONCE));
  if (isReduced && !isSingle)
    errors.push(
      invalid(
        'spec.ipFamilyPolicy',
        now.ipFamilyPolicy,
        "must be set to 'SingleStack' when releasing the secondary ipFamily",
      ),
    );
  return errors;
}
