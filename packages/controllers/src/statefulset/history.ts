/** The revisions of a StatefulSet's template: the one that pods come from, and the one that they go to. Pure. */
import { type ControllerRevision, type Pod, selectorMatches, type StatefulSet } from '@timonier/api';
import { canonicalJson } from '../equality.ts';
import { controllerOf } from '../owner.ts';
import { newRevision, type RevisionChange, templateData } from '../revision-control.ts';
import { ownerOf, revisionOf } from './identity.ts';

/** `current` is that of the set's template. */
export interface History extends RevisionChange {
  /** That of the pods, while a rollout is under way. */
  readonly before: ControllerRevision;
  readonly all: readonly ControllerRevision[];
}

const hashLabel = 'controller.kubernetes.io/hash';

export function historyOf(set: StatefulSet, revisions: readonly ControllerRevision[]): History {
  const adopt = revisions.filter(
    (revision) =>
      controllerOf(revision) === undefined &&
      revision.metadata?.deletionTimestamp === undefined &&
      selectorMatches(set.spec?.selector, revision.metadata?.labels),
  );
  const own = revisions.filter((revision) => controllerOf(revision)?.uid === set.metadata?.uid);
  const all = [...own, ...adopt].toSorted((a, b) => a.revision - b.revision);
  const wanted = canonicalJson(templateData(set.spec?.template));
  const same = all.findLast(({ data }) => canonicalJson(data) === wanted);
  const number = (all.at(-1)?.revision ?? 0) + 1;
  const collisionCount = set.status?.collisionCount ?? 0;
  const change = same === undefined ? 'create' : same === all.at(-1) ? 'none' : 'update';
  const current =
    same === undefined
      ? newRevision(ownerOf(set), set.spec?.template, number, { collisionCount, hashLabel })
      : change === 'none'
        ? same
        : { ...same, revision: number };
  const before = all.find(({ metadata }) => metadata?.name === set.status?.currentRevision) ?? current;
  return { adopt, current, change, before, all };
}

/** Revisions that are neither current nor of any pod, beyond the limit, oldest first. */
export function expiredRevisions(
  set: StatefulSet,
  { all, current, before }: History,
  pods: readonly Pod[],
): ControllerRevision[] {
  const live = new Set([current, before].map(({ metadata }) => metadata?.name));
  for (const pod of pods) live.add(revisionOf(pod));
  const unused = all.filter(({ metadata }) => !live.has(metadata?.name));
  return unused.slice(0, Math.max(0, unused.length - (set.spec?.revisionHistoryLimit ?? 10)));
}
