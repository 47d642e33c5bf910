/** The rules of nodes. */
import type { Node, Taint } from '../generated/types.ts';
import { checkLabelValue } from '../names.ts';
import { cidr, isCidr, isDualStack } from './addresses.ts';
import { oneOf, qualifiedName } from './checks.ts';
import { duplicate, forbidden, internal, invalid, type FieldError } from './field-error.ts';
import { EFFECTS } from './placement.ts';
import { amount } from './resources.ts';
import { rules, type Rules } from './rules.ts';

function node(one: Node): FieldError[] {
  const errors = taints(one.spec?.taints ?? []);
  errors.push(...amounts(one));
  errors.push(...declaredFeatures(one));
  const { podCIDR, podCIDRs = [] } = one.spec ?? {};
  // One range may be said in the older field alone.
  const ranges = podCIDRs.length === 0 && podCIDR ? [podCIDR] : podCIDRs;
  const path = 'spec.podCIDRs';
  for (const [i, range] of ranges.entries()) errors.push(...cidr(`${path}[${i}]`, range));
  if (ranges.length < 2) return errors;
  const broken = ranges.findIndex((range) => !isCidr(range));
  if (broken >= 0)
    errors.push(
      internal(
        path,
        `invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[${broken}]: <nil> (invalid CIDR address: ${ranges[broken]})`,
      ),
    );
  if (broken >= 0 || !isDualStack(ranges) || ranges.length > 2)
    errors.push(invalid(path, ranges, 'may specify no more than one CIDR for each IP family'));
  // Only ranges can be the same one twice.
  const known = new Set<string>();
  for (const [i, range] of ranges.entries()) {
    if (broken < 0 && known.has(range)) errors.push(duplicate(`${path}[${i}]`, range));
    known.add(range);
  }
  return errors;
}

const FEATURE = /^[A-Z][A-Za-z0-9]*(\/[A-Za-z0-9]+)*$/;
const MAX_FEATURE = 253;

/** What a node can do beyond what every node can. */
function declaredFeatures({ status }: Node): FieldError[] {
  const seen = new Set<string>();
  return (status?.declaredFeatures ?? []).flatMap((name, i) => {
    const field = `status.declaredFeatures[${i}]`;
    const errors = seen.has(name) ? [duplicate(field, name)] : [];
    seen.add(name);
    const text = featureProblem(name);
    if (text !== undefined)
      errors.push(invalid(field, name, `invalid feature name ${JSON.stringify(name)}: ${text}`));
    return errors;
  });
}

function featureProblem(name: string): string | undefined {
  if (name.length > MAX_FEATURE) return `must be no more than ${MAX_FEATURE} characters`;
  return FEATURE.test(name)
    ? undefined
    : "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes";
}

/** Upstream takes `metadata` for their place. */
function taints(list: readonly Taint[]): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, taint] of list.entries()) {
    const at = `metadata.taints[${i}]`;
    errors.push(...qualifiedName(`${at}.key`, taint.key));
    const texts = checkLabelValue(taint.value ?? '');
    if (texts.length > 0) errors.push(invalid(`${at}.value`, taint.value, texts.join(';')));
    errors.push(...oneOf(`${at}.effect`, taint.effect, EFFECTS));
    const pair = `${taint.effect}:${taint.key}`;
    if (seen.has(pair)) errors.push(duplicate(at, taint, 'taints must be unique by key and effect pair'));
    seen.add(pair);
  }
  return errors;
}

function amounts({ status }: Node): FieldError[] {
  return (['capacity', 'allocatable'] as const).flatMap((list) =>
    Object.entries(status?.[list] ?? {}).flatMap(([name, quantity]) =>
      amount(`status.${list}.${name}`, name, quantity),
    ),
  );
}

function statusOf(one: Node): FieldError[] {
  const errors = amounts(one);
  const seen = new Set<string>();
  for (const [i, address] of (one.status?.addresses ?? []).entries()) {
    const key = `${address.type}/${address.address}`;
    if (seen.has(key)) errors.push(duplicate(`status.addresses[${i}]`, address));
    seen.add(key);
  }
  return errors;
}

/** What a node was given once, it keeps. */
function changed({ spec: now = {} }: Node, { spec: before = {} }: Node): FieldError[] {
  const errors: FieldError[] = [];
  const [ranges, old] = [now.podCIDRs ?? [], before.podCIDRs ?? []];
  if (old.length > 0 && (ranges.length !== old.length || old.some((range, i) => range !== ranges[i])))
    errors.push(forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  if ((now.externalID ?? '') !== (before.externalID ?? ''))
    errors.push(forbidden('spec.externalID', 'may not be updated'));
  if (before.providerID && now.providerID !== before.providerID)
    errors.push(
      forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'),
    );
  return errors;
}

export const nodeRules: Readonly<Record<string, Rules>> = {
  'v1/Node': rules(node, changed, { subresources: { status: statusOf } }),
};
