/** The annotations through which a Deployment, its ReplicaSets and `kubectl rollout` talk to each other. */

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';
export const podTemplateHashLabel = 'pod-template-hash';
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

type Annotations = Readonly<Record<string, string>>;

/** What a Deployment hands down to its ReplicaSets: everything but bookkeeping. */
export function inheritedAnnotations(annotations: Annotations = {}): Record<string, string> {
  const own = new Set([
    lastAppliedAnnotation,
    revisionAnnotation,
    revisionHistoryAnnotation,
    desiredReplicasAnnotation,
    maxReplicasAnnotation,
    'deprecated.deployment.rollback.to',
  ]);
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !own.has(key)));
}

/** 0 when there is none. */
export function revisionOf(object: { metadata?: { annotations?: Annotations } }): number {
  const revision = Number(object.metadata?.annotations?.[revisionAnnotation] ?? 0);
  return Number.isSafeInteger(revision) ? revision : 0;
}

/** The annotations of the newest set at `revision`; a revision it had before goes into its history. */
export function withRevision(annotations: Annotations, revision: number): Record<string, string> {
  const result: Record<string, string> = { ...annotations };
  const before = Number(annotations[revisionAnnotation] ?? 0);
  if (before >= revision) return result;
  if (before > 0) {
    const history = annotations[revisionHistoryAnnotation];
    result[revisionHistoryAnnotation] = history === undefined ? String(before) : `${history},${before}`;
  }
  result[revisionAnnotation] = String(revision);
  return result;
}
