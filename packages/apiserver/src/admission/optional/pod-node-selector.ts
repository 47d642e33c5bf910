/**
 * PodNodeSelector: a namespace says by an annotation on which nodes its pods run, whatever they say themselves; the cluster's
 * configuration says it for namespaces that do not, and which labels the pods of a namespace may ask for at all.
 */
import type { Pod } from '@timonier/api';
import { namespaceOf } from '../namespace.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from '../request.ts';

const annotation = 'scheduler.alpha.kubernetes.io/node-selector';
const conflict = 'pod node label selector conflicts with its namespace node label selector';

export interface NodeSelectorSettings {
  /** `KEY=VALUE,…` of namespaces that say nothing; empty for none. */
  readonly usual: string;
  /** The same by namespace: what its pods may ask for. */
  readonly allowed: ReadonlyMap<string, string>;
}

export const usualNodeSelectors: NodeSelectorSettings = { usual: '', allowed: new Map() };

export const podNodeSelector = (settings: NodeSelectorSettings): AdmissionPlugin => ({
  name: 'PodNodeSelector',
  isOffByDefault: true,
  operations: ['CREATE'],
  resources: ['/pods'],
  admit(request) {
    const { spec } = request.object as unknown as Pod;
    const wanted = Object.entries(selectorOf(request, settings));
    if (spec === undefined || wanted.length === 0) return;
    if (conflicts(spec.nodeSelector, wanted)) throw refusal(request, conflict);
    spec.nodeSelector = { ...spec.nodeSelector, ...Object.fromEntries(wanted) };
  },
  validate(request) {
    const { spec } = request.object as unknown as Pod;
    if (conflicts(spec?.nodeSelector, Object.entries(selectorOf(request, settings))))
      throw refusal(request, conflict);
    const allowed = pairsOf(request, settings.allowed.get(request.context.target.namespace) ?? '');
    if (Object.keys(allowed).length === 0) return;
    const isAllowed = Object.entries(spec?.nodeSelector ?? {}).every(
      ([key, value]) => allowed[key] === value,
    );
    if (!isAllowed)
      throw refusal(request, 'pod node label selector labels conflict with its namespace whitelist');
  },
});

function conflicts(
  own: Readonly<Record<string, string>> | undefined,
  wanted: readonly (readonly [string, string])[],
): boolean {
  return wanted.some(([key, value]) => own?.[key] !== undefined && own[key] !== value);
}

function selectorOf(request: AdmissionRequest, { usual }: NodeSelectorSettings): Record<string, string> {
  return pairsOf(request, namespaceOf(request.context)?.metadata?.annotations?.[annotation] ?? usual);
}

/** `KEY=VALUE,…` */
function pairsOf(request: AdmissionRequest, text: string): Record<string, string> {
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const [key = '', value, ...more] = pair.split('=').map((part) => part.trim());
      if (key === '' || value === undefined || more.length > 0)
        throw refusal(
          request,
          `the annotation ${annotation} of the namespace, or the cluster's, is not of the form KEY=VALUE,…`,
        );
      return [key, value];
    }),
  );
}
