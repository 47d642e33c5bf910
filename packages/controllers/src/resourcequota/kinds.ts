/**
 * The kinds that quotas count, each with its evaluator and the cache that holds its objects. Of most kinds only metadata
 * is kept, which is all that counting takes; pods, services and claims are there as a whole.
 */
import type { ApiObject } from '@timonier/api/decode';
import { type Evaluator, evaluatorOf } from '@timonier/api/quota/evaluators';
import type { CatchingInformer, KubeObject } from '@timonier/client';
import type { ServedResource } from '../discovery.ts';
import type { ResourceMonitor } from '../garbagecollector/monitor.ts';

export interface QuotaKind {
  readonly type: ServedResource;
  readonly evaluator: Evaluator;
  readonly informer: CatchingInformer<KubeObject>;
  /** False when the cache has only a part of the objects. */
  readonly isWhole: boolean;
}

/** Of leases, the controllers follow those of nodes only. */
const partial = new Set(['coordination.k8s.io/leases']);

export function quotaKindOf({ type, informer }: ResourceMonitor['monitored'][number]): QuotaKind | undefined {
  const evaluator = type.namespaced ? evaluatorOf(type.group, type.resource) : undefined;
  if (evaluator === undefined) return undefined;
  return { type, evaluator, informer, isWhole: !partial.has(`${type.group}/${type.resource}`) };
}

/** Kinds that some name of a limit is about. */
export function kindsFor(names: readonly string[], monitor: ResourceMonitor): QuotaKind[] {
  return monitor.monitored.flatMap((entry) => {
    const kind = quotaKindOf(entry);
    return kind !== undefined && names.some(kind.evaluator.measures) ? [kind] : [];
  });
}

/** What the cache has of a kind in a namespace. */
export function objectsIn({ informer }: QuotaKind, namespace: string): ApiObject[] {
  // Informers and admission describe the same objects with different types.
  return informer.byIndex('namespace', namespace) as unknown as ApiObject[];
}
