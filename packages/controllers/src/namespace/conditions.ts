/** What a namespace that is being deleted tells about what still holds it, as upstream's five conditions. Pure. */
import type { Namespace } from '@timonier/api';

/** What one pass over a namespace's content found. */
export interface ContentReport {
  /** Why some kinds may be unknown. */
  readonly discoveryProblem: string | undefined;
  /** What could not be listed or deleted, in words. */
  readonly failures: readonly string[];
  /** How many objects were still there, by `resource.group`. */
  readonly remaining: ReadonlyMap<string, number>;
  /** How many objects each finalizer holds. */
  readonly finalizers: ReadonlyMap<string, number>;
}

export type NamespaceCondition = NonNullable<NonNullable<Namespace['status']>['conditions']>[number];

interface Finding {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

/** The conditions after this pass; those of others stay, and one that says the same keeps its time. */
export function deletionConditions(
  known: readonly NamespaceCondition[],
  report: ContentReport,
  now: number,
): NamespaceCondition[] {
  const findings = new Map(findingsOf(report).map((finding) => [finding.type, finding]));
  const lastTransitionTime = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
  const next: NamespaceCondition[] = [];
  for (const condition of known) {
    const finding = findings.get(condition.type);
    findings.delete(condition.type);
    if (finding === undefined) next.push(condition);
    else if (finding.status !== condition.status) next.push({ ...finding, lastTransitionTime });
    else next.push({ ...condition, ...finding });
  }
  return [...next, ...[...findings.values()].map((finding) => ({ ...finding, lastTransitionTime }))];
}

function contentFailure(failures: readonly string[]): string {
  if (failures.length === 0) return '';
  const all = failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`;
  return `Failed to delete all resource types, ${failures.length} remaining: ${all}`;
}

function findingsOf({ discoveryProblem, failures, remaining, finalizers }: ContentReport): Finding[] {
  const finding = (
    type: string,
    problem: string,
    bad: string,
    good: readonly [reason: string, message: string],
  ): Finding =>
    problem === ''
      ? { type, status: 'False', reason: good[0], message: good[1] }
      : { type, status: 'True', reason: bad, message: problem };
  const counts = (
    found: ReadonlyMap<string, number>,
    text: (name: string, count: number) => string,
  ): string =>
    [...found]
      .map(([name, count]) => text(name, count))
      .sort()
      .join(', ');
  // Upstream's form: a group always follows the dot, also the core's, which has no name.
  const resources = counts(
    remaining,
    (name, count) => `${name.includes('.') ? name : `${name}.`} has ${count} resource instances`,
  );
  const holders = counts(finalizers, (name, count) => `${name} in ${count} resource instances`);
  return [
    finding('NamespaceDeletionDiscoveryFailure', discoveryProblem ?? '', 'DiscoveryFailed', [
      'ResourcesDiscovered',
      'All resources successfully discovered',
    ]),
    finding('NamespaceDeletionGroupVersionParsingFailure', '', 'GroupVersionParsingFailed', [
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ]),
    finding('NamespaceDeletionContentFailure', contentFailure(failures), 'ContentDeletionFailed', [
      'ContentDeleted',
      'All content successfully deleted, may be waiting on finalization',
    ]),
    finding(
      'NamespaceContentRemaining',
      remaining.size === 0 ? '' : `Some resources are remaining: ${resources}`,
      'SomeResourcesRemain',
      ['ContentRemoved', 'All content successfully removed'],
    ),
    finding(
      'NamespaceFinalizersRemaining',
      finalizers.size === 0 ? '' : `Some content in the namespace has finalizers remaining: ${holders}`,
      'SomeFinalizersRemain',
      ['ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
    ),
  ];
}
