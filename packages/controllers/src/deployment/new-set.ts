/** Which ReplicaSet carries a Deployment's current template, and how a new one is made. Pure. */
import type { Deployment, PodTemplateSpec, ReplicaSet } from '@timonier/api';
import { canonicalJson, fnv32, safeName } from '../equality.ts';
import {
  desiredReplicasAnnotation,
  inheritedAnnotations,
  maxReplicasAnnotation,
  podTemplateHashLabel,
  revisionAnnotation,
} from './annotations.ts';
import { fencepostsOf, replicasOf } from './arithmetic.ts';

/** The oldest set whose template equals the Deployment's, but for the hash label. */
export function newestSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const wanted = templateKey(deployment.spec?.template);
  return sets
    .filter((set) => templateKey(set.spec?.template) === wanted)
    .toSorted((a, b) => creationOrder(a, b))[0];
}

export function creationOrder(a: ReplicaSet, b: ReplicaSet): number {
  const left = a.metadata?.creationTimestamp ?? '';
  const right = b.metadata?.creationTimestamp ?? '';
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1;
}

export function templateKey(template: PodTemplateSpec | undefined): string {
  const labels = { ...template?.metadata?.labels };
  delete labels[podTemplateHashLabel];
  const metadata = { ...template?.metadata, labels };
  return canonicalJson({ metadata: { ...metadata, creationTimestamp: undefined }, spec: template?.spec });
}

/** Names the template; `collisionCount` gives another name when one is taken by a different template. */
function templateHash(template: PodTemplateSpec | undefined, collisionCount: number): string {
  return safeName(fnv32(`${templateKey(template)}${collisionCount === 0 ? '' : collisionCount}`));
}

export function newReplicaSet(deployment: Deployment, replicas: number, revision: bigint): ReplicaSet {
  const { name = '', namespace = '', uid = '' } = deployment.metadata ?? {};
  const template = deployment.spec?.template;
  const hash = templateHash(template, deployment.status?.collisionCount ?? 0);
  const labels = { ...template?.metadata?.labels, [podTemplateHashLabel]: hash };
  const selector = deployment.spec?.selector;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels,
      annotations: {
        ...inheritedAnnotations(deployment.metadata?.annotations),
        [revisionAnnotation]: String(revision),
        [desiredReplicasAnnotation]: String(replicasOf(deployment)),
        [maxReplicasAnnotation]: String(replicasOf(deployment) + fencepostsOf(deployment).maxSurge),
      },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'Deployment', name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    spec: {
      replicas,
      ...(deployment.spec?.minReadySeconds === undefined
        ? {}
        : { minReadySeconds: deployment.spec.minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [podTemplateHashLabel]: hash } },
      template: { ...template, metadata: { ...template?.metadata, labels } },
    },
  };
}
