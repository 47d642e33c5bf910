/** The claims of a pod's ephemeral volumes, which live as long as the pod. Pure. */
import type { PersistentVolumeClaim, Pod } from '@timonier/api';
import { controllerOf } from '../owner.ts';
import { ownerReferenceTo } from '../pod-control.ts';

export function hasEphemeralVolumes({ spec }: Pod): boolean {
  return spec?.volumes?.some(({ ephemeral }) => ephemeral !== undefined) ?? false;
}

export interface MissingClaim {
  readonly volume: string;
  readonly claim: PersistentVolumeClaim;
}

export interface ClaimDecision {
  readonly create: readonly MissingClaim[];
  /** What stands in the way of a volume: somebody else's claim of that name. */
  readonly problems: readonly string[];
}

/** `known` finds a claim in the pod's namespace by its name. */
export function decide(pod: Pod, known: (name: string) => PersistentVolumeClaim | undefined): ClaimDecision {
  const create: MissingClaim[] = [];
  const problems: string[] = [];
  const { name = '', namespace = '', uid, deletionTimestamp } = pod.metadata ?? {};
  if (deletionTimestamp !== undefined) return { create, problems };
  for (const { name: volume, ephemeral } of pod.spec?.volumes ?? []) {
    if (ephemeral === undefined) continue;
    const claimName = `${name}-${volume}`;
    const found = known(claimName);
    if (found !== undefined) {
      if (controllerOf(found)?.uid !== uid)
        problems.push(
          `ephemeral volume ${volume}: PVC ${namespace}/${claimName} was not created for pod ${namespace}/${name} (pod is not owner)`,
        );
      continue;
    }
    const { metadata, spec } = ephemeral.volumeClaimTemplate ?? {};
    create.push({
      volume,
      claim: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          name: claimName,
          namespace,
          ...(metadata?.labels === undefined ? {} : { labels: metadata.labels }),
          ...(metadata?.annotations === undefined ? {} : { annotations: metadata.annotations }),
          ownerReferences: [ownerReferenceTo({ object: pod, apiVersion: 'v1', kind: 'Pod' })],
        },
        ...(spec === undefined ? {} : { spec }),
      },
    });
  }
  return { create, problems };
}
