/**
 * ExtendedResourceToleration: nodes with rare devices are tainted with the name of the resource; a pod that asks for one
 * tolerates the taint.
 */
import type { Pod } from '@timonier/api';
import type { AdmissionPlugin } from '../request.ts';

export const extendedResourceToleration: AdmissionPlugin = {
  name: 'ExtendedResourceToleration',
  isOffByDefault: true,
  operations: ['CREATE', 'UPDATE'],
  resources: ['/pods'],
  admit({ object }) {
    const { spec } = object as unknown as Pod;
    if (spec === undefined) return;
    const asked = [...(spec.initContainers ?? []), ...(spec.containers ?? [])].flatMap(({ resources }) =>
      Object.keys(resources?.requests ?? {}).filter(isExtended),
    );
    const tolerations = spec.tolerations ?? [];
    const missing = [...new Set(asked)]
      .toSorted()
      .filter(
        (key) =>
          !tolerations.some(
            (known) =>
              known.key === key &&
              known.operator === 'Exists' &&
              (known.effect ?? 'NoSchedule') === 'NoSchedule',
          ),
      );
    if (missing.length === 0) return;
    spec.tolerations = [
      ...tolerations,
      ...missing.map((key) => ({ key, operator: 'Exists' as const, effect: 'NoSchedule' as const })),
    ];
  },
};

/** Of a vendor's own domain. */
function isExtended(resource: string): boolean {
  const [domain = '', name] = resource.split('/');
  return name !== undefined && domain !== 'kubernetes.io' && !domain.endsWith('.kubernetes.io');
}
