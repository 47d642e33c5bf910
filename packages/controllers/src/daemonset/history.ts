/**
 * The revisions of a DaemonSet's template: one ControllerRevision for each, whose label names the pods made from it.
 * Pure.
 */
import { type ControllerRevision, type DaemonSet, type Pod, selectorMatches } from '@timonier/api';
import { canonicalJson } from '../equality.ts';
import { controllerOf } from '../owner.ts';
import { newRevision, type RevisionChange, templateData } from '../revision-control.ts';
import { hashLabel, ownerOf } from './nodes.ts';

/** The current one has the set's template and, as it is to be, the highest number of all. */
export interface History extends RevisionChange {
  /** Others with the same template; their pods get the label of the current one, then they go. */
  readonly duplicates: readonly ControllerRevision[];
  readonly relabel: readonly Pod[];
  readonly old: readonly ControllerRevision[];
}

export function historyOf(
  set: DaemonSet,
  revisions: readonly ControllerRevision[],
  pods: readonly Pod[],
): History {
  const uid = set.metadata?.uid;
  const adopt = revisions.filter(
    (revision) =>
      controllerOf(revision) === undefined &&
      revision.metadata?.deletionTimestamp === undefined &&
      selectorMatches(set.spec?.selector, revision.metadata?.labels),
  );
  const known = [...revisions.filter((revision) => controllerOf(revision)?.uid === uid), ...adopt];
  const wanted = canonicalJson(templateData(set.spec?.template));
  const same = known.filter(({ data }) => canonicalJson(data) === wanted).toSorted(byNumber);
  const old = known.filter((revision) => !same.includes(revision)).toSorted(byNumber);
  const number = (old.at(-1)?.revision ?? 0) + 1;
  const latest = same.at(-1);
  if (latest === undefined) {
    const collisionCount = set.status?.collisionCount ?? 0;
    const current = newRevision(ownerOf(set), set.spec?.template, number, { collisionCount, hashLabel });
    return { adopt, current, change: 'create', duplicates: [], relabel: [], old };
  }
  const duplicates = same.slice(0, -1);
  const doubled = new Set(duplicates.map(revisionHash));
  const late = latest.revision < number;
  return {
    adopt,
    current: late ? { ...latest, revision: number } : latest,
    change: late ? 'update' : 'none',
    duplicates,
    relabel: pods.filter(
      (pod) => controllerOf(pod)?.uid === uid && doubled.has(pod.metadata?.labels?.[hashLabel] ?? ''),
    ),
    old,
  };
}

/** Revisions beyond the limit that no pod is of any more, oldest first. */
export function expiredRevisions(
  set: DaemonSet,
  old: readonly ControllerRevision[],
  pods: readonly Pod[],
): ControllerRevision[] {
  const live = new Set(pods.map((pod) => pod.metadata?.labels?.[hashLabel]));
  const excess = Math.max(0, old.length - (set.spec?.revisionHistoryLimit ?? 10));
  return old.filter((revision) => !live.has(revisionHash(revision))).slice(0, excess);
}

/** What pods of a revision are labelled with. */
export function revisionHash({ metadata }: ControllerRevision): string {
  return metadata?.labels?.[hashLabel] ?? metadata?.name ?? '';
}

function byNumber(a: ControllerRevision, b: ControllerRevision): number {
  return a.revision - b.revision;
}
