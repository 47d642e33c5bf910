/**
 * Two expositions of the same component side by side: which families both have, and whether these have the same type,
 * labels, buckets and, for labels with few values, the same values.
 */
import {
  boundsOf,
  type Exposition,
  type Family,
  type Labels,
  labelNames,
  type Sample,
  valuesOf,
} from './exposition.ts';

export const kinds = [
  'equal',
  'missing here',
  'only here',
  'other type',
  'other labels',
  'other buckets',
  'other values',
] as const;
export type Kind = (typeof kinds)[number];

export interface Finding {
  readonly metric: string;
  readonly kind: Kind;
  /** What differs; empty when nothing does. */
  readonly detail: string;
}

/** Labels of which all values are known beforehand; names of objects, hosts and paths are not among them. */
const bounded: ReadonlySet<string> = new Set([
  'verb',
  'scope',
  'component',
  'dry_run',
  'request_kind',
  'result',
  'queue',
  'method',
  'rejected',
  'type',
  'decision',
  'profile',
  'grpc_type',
  'grpc_method',
  'grpc_service',
  'execute',
]);

export function compareExpositions(theirs: Exposition, ours: Exposition): Finding[] {
  // Go's programs do not name what they have not seen yet.
  const seen = [...ours.values()].filter(({ samples }) => samples.length > 0).map(({ name }) => name);
  const names = [...new Set([...theirs.keys(), ...seen])].sort();
  return names.map((metric) => {
    const [their, our] = [theirs.get(metric), ours.get(metric)];
    if (our === undefined) return { metric, kind: 'missing here', detail: '' };
    if (their === undefined) return { metric, kind: 'only here', detail: '' };
    return { metric, ...compareFamilies(their, our) };
  });
}

function compareFamilies(theirs: Family, ours: Family): Omit<Finding, 'metric'> {
  if (theirs.type !== ours.type)
    return { kind: 'other type', detail: `${theirs.type} there, ${ours.type} here` };
  // What was never observed has no labels yet.
  if (theirs.samples.length === 0) return { kind: 'equal', detail: '' };
  if (ours.samples.length === 0) return { kind: 'missing here', detail: 'declared, and without samples' };
  const [theirLabels, ourLabels] = [labelNames(theirs), labelNames(ours)];
  if (theirLabels.join() !== ourLabels.join())
    return { kind: 'other labels', detail: difference(theirLabels, ourLabels) };
  if (theirs.type === 'histogram') {
    const [theirBounds, ourBounds] = [boundsOf(theirs), boundsOf(ours)];
    if (
      theirBounds.length !== ourBounds.length ||
      theirBounds.some((bound, i) => !isSame(bound, ourBounds[i]))
    )
      return { kind: 'other buckets', detail: `${theirBounds.join(' ')} there, ${ourBounds.join(' ')} here` };
  }
  const values = theirLabels
    .filter((label) => bounded.has(label))
    .map((label) => [label, difference(valuesOf(theirs, label), valuesOf(ours, label))] as const)
    .filter(([, told]) => told !== '');
  if (values.length === 0) return { kind: 'equal', detail: '' };
  return { kind: 'other values', detail: values.map(([label, told]) => `${label}: ${told}`).join('; ') };
}

/** Go makes some bounds by multiplying. */
function isSame(a: number, b = Number.NaN): boolean {
  return a === b || Math.abs(a - b) <= 1e-9 * Math.abs(a);
}

function difference(theirs: readonly string[], ours: readonly string[]): string {
  const quoted = (values: readonly string[]): string => values.map((value) => `"${value}"`).join(', ');
  const [missing, extra] = [
    theirs.filter((one) => !ours.includes(one)),
    ours.filter((one) => !theirs.includes(one)),
  ];
  return [
    ...(missing.length === 0 ? [] : [`only there ${quoted(missing)}`]),
    ...(extra.length === 0 ? [] : [`only here ${quoted(extra)}`]),
  ].join(', ');
}

/** What a counter or the count of a histogram rose by, for each set of labels; sets that stayed are left out. */
export function increases(
  before: Exposition,
  after: Exposition,
  metric: string,
  wanted: (labels: Labels) => boolean,
): Map<string, number> {
  const values = (exposition: Exposition): Map<string, number> =>
    new Map(
      (exposition.get(metric)?.samples ?? [])
        .filter(({ name, labels }) => isCount(metric, name) && wanted(labels))
        .map((sample) => [keyOf(sample), sample.value]),
    );
  const earlier = values(before);
  return new Map(
    [...values(after)]
      .map(([key, value]) => [key, value - (earlier.get(key) ?? 0)] as const)
      .filter(([, rise]) => rise !== 0),
  );
}

function isCount(metric: string, name: string): boolean {
  return name === metric || name === `${metric}_count`;
}

function keyOf({ labels }: Sample): string {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}="${value}"`)
    .join(',');
}

/** Where the same requests were counted otherwise; empty when nowhere. */
export function compareIncreases(
  theirs: ReadonlyMap<string, number>,
  ours: ReadonlyMap<string, number>,
): string[] {
  return [...new Set([...theirs.keys(), ...ours.keys()])]
    .sort()
    .filter((key) => theirs.get(key) !== ours.get(key))
    .map((key) => `{${key}} rose by ${theirs.get(key) ?? 0} there and by ${ours.get(key) ?? 0} here`);
}
