/**
 * DefaultTolerationSeconds: a pod stays on a node that is not ready or not reached for a bounded time. The time is
 * Timonier's own, and short, because node loss is found within seconds here.
 */
import type { Pod, Toleration } from '@timonier/api';
import type { AdmissionPlugin } from './request.ts';

const tolerationSeconds = 2;
const nodeFailureTaints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

export const defaultTolerations: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  operations: ['CREATE', 'UPDATE'],
  resources: ['/pods'],
  admit(request) {
    const { spec } = request.object as Pod;
    if (spec === undefined) return;
    const tolerations = spec.tolerations ?? [];
    const missing = nodeFailureTaints.filter((key) => !tolerations.some((known) => tolerates(known, key)));
    if (missing.length === 0) return;
    const added = missing.map((key): Toleration => ({
      key,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds,
    }));
    spec.tolerations = [...tolerations, ...added];
  },
};

function tolerates({ key = '', effect }: Toleration, taint: string): boolean {
  return (key === taint || key === '') && (!effect || effect === 'NoExecute');
}
