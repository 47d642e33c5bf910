/**
 * PodTolerationRestriction: a namespace says by annotations what its pods tolerate beside what they say themselves, and
 * what they may tolerate at all; the cluster's configuration says it for namespaces that do not. A pod that asks for any
 * resources stays where memory runs short.
 */
import type { Pod, Toleration } from '@timonier/api';
import { qualityOfService } from '@timonier/api/pod-quality';
import { namespaceOf } from '../namespace.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from '../request.ts';
import { areAllowed, mergedTolerations } from './tolerations.ts';

export interface TolerationSettings {
  readonly usual: readonly Toleration[];
  readonly allowed: readonly Toleration[];
}

export const usualTolerations: TolerationSettings = { usual: [], allowed: [] };

const usualAnnotation = 'scheduler.alpha.kubernetes.io/defaultTolerations';
const allowedAnnotation = 'scheduler.alpha.kubernetes.io/tolerationsWhitelist';
const memoryPressure: Toleration = {
  key: 'node.kubernetes.io/memory-pressure',
  operator: 'Exists',
  effect: 'NoSchedule',
};

export function podTolerationRestriction(settings: TolerationSettings): AdmissionPlugin {
  return {
    name: 'PodTolerationRestriction',
    isOffByDefault: true,
    operations: ['CREATE', 'UPDATE'],
    resources: ['/pods'],
    admit(request) {
      const { spec } = request.object as unknown as Pod;
      if (spec === undefined) return;
      const isNew = request.operation === 'CREATE';
      const added = isNew ? [...(listOf(request, usualAnnotation) ?? settings.usual)] : [];
      if (qualityOfService(spec) !== 'BestEffort') added.push(memoryPressure);
      if (added.length > 0) spec.tolerations = mergedTolerations(spec.tolerations ?? [], added);
      checkAllowed(request, settings);
    },
    validate: (request) => checkAllowed(request, settings),
  };
}

function checkAllowed(request: AdmissionRequest, settings: TolerationSettings): void {
  const { tolerations = [] } = (request.object as unknown as Pod).spec ?? {};
  if (tolerations.length === 0) return;
  const own = listOf(request, allowedAnnotation);
  const allowed = own ?? settings.allowed;
  if (allowed.length === 0 || areAllowed(tolerations, allowed)) return;
  const whose = own === undefined ? 'cluster' : 'namespace';
  throw refusal(
    request,
    `pod tolerations (possibly merged with namespace default tolerations) conflict with its ${whose} whitelist`,
  );
}

/** Undefined where the namespace says nothing. */
function listOf(request: AdmissionRequest, annotation: string): readonly Toleration[] | undefined {
  const text = namespaceOf(request.context)?.metadata?.annotations?.[annotation] ?? '';
  if (text === '') return undefined;
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    list = undefined;
  }
  const isRight = Array.isArray(list) && list.every((one) => typeof one === 'object' && one !== null);
  if (!isRight)
    throw refusal(request, `the annotation ${annotation} of the namespace is not a list of tolerations`);
  return list as Toleration[];
}
