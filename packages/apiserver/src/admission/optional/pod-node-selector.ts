/** PodNodeSelector: a namespace says by an annotation on which nodes its pods run, whatever they say themselves. */
import type { Pod } from '@timonier/api';
import { namespaceOf } from '../namespace.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from '../request.ts';

const annotation = 'scheduler.alpha.kubernetes.io/node-selector';
const conflict = 'pod node label selector conflicts with its namespace node label selector';

export const podNodeSelector: AdmissionPlugin = {
  name: 'PodNodeSelector',
  isOffByDefault: true,
  operations: ['CREATE'],
  resources: ['/pods'],
  admit(request) {
    const { spec } = request.object as unknown as Pod;
    const wanted = Object.entries(selectorOf(request));
    if (spec === undefined || wanted.length === 0) return;
    if (conflicts(spec.nodeSelector, wanted)) throw refusal(request, conflict);
    spec.nodeSelector = { ...spec.nodeSelector, ...Object.fromEntries(wanted) };
  },
  validate(request) {
    const { spec } = request.object as unknown as Pod;
    if (conflicts(spec?.nodeSelector, Object.entries(selectorOf(request)))) throw refusal(request, conflict);
  },
};

function conflicts(
  own: Readonly<Record<string, string>> | undefined,
  wanted: readonly (readonly [string, string])[],
): boolean {
  return wanted.some(([key, value]) => own?.[key] !== undefined && own[key] !== value);
}

/** `KEY=VALUE,…` */
function selectorOf(request: AdmissionRequest): Record<string, string> {
  const text = namespaceOf(request.context)?.metadata?.annotations?.[annotation] ?? '';
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const [key = '', value, ...more] = pair.split('=').map((part) => part.trim());
      if (key === '' || value === undefined || more.length > 0)
        throw refusal(
          request,
          `the annotation ${annotation} of the namespace is not of the form KEY=VALUE,…`,
        );
      return [key, value];
    }),
  );
}
