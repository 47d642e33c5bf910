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

const greatest = 0x7fff_ffff_ffff_ffffn;

/** 0 when there is none. It is 64 bits wide, and people take over sets with any. */
export function revisionOf(object: { metadata?: { annotations?: Annotations } }): bigint {
  const text = object.metadata?.annotations?.[revisionAnnotation] ?? '';
  const revision = /^[+-]?\d{1,19}$/.test(text) ? BigInt(text.replace('+', '')) : 0n;
  return revision > greatest ? 0n : revision;
}

/** The annotations of the newest set at `revision`; a revision it had before goes into its history. */
export function withRevision(annotations: Annotations, revision: bigint): Record<string, string> {
  const result: Record<string, string> = { ...annotations };
  const before = revisionOf({ metadata: { annotations } });
  if (before >= revision) return result;
  if (before > 0n) {
    const history = annotations[revisionHistoryAnnotation];
    result[revisionHistoryAnnotation] = history === undefined ? String(before) : `${history},${before}`;
  }
  result[revisionAnnotation] = String(revision);
  return result;
}

export function greatestRevision(revisions: readonly bigint[]): bigint {
  return revisions.reduce((most, one) => (one > most ? one : most), 0n);
}
