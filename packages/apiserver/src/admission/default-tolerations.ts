/**
 * DefaultTolerationSeconds: a pod stays on a node that is not ready or not reached for a bounded time. The default time is
 * Timonier's own, and short, because node loss is found within seconds here.
 */
import type { Pod, Toleration } from '@timonier/api';
import type { AdmissionPlugin } from './request.ts';

/** Seconds that pods stay, by what their node is. */
export interface TolerationSeconds {
  readonly notReady: number;
  readonly unreachable: number;
}

export const usualTolerationSeconds: TolerationSeconds = { notReady: 2, unreachable: 2 };

export function defaultTolerations({ notReady, unreachable }: TolerationSeconds): AdmissionPlugin {
  const taints = [
    ['node.kubernetes.io/not-ready', notReady],
    ['node.kubernetes.io/unreachable', unreachable],
  ] as const;
  return {
    name: 'DefaultTolerationSeconds',
    operations: ['CREATE', 'UPDATE'],
    resources: ['/pods'],
    admit(request) {
      const { spec } = request.object as Pod;
      if (spec === undefined) return;
      const tolerations = spec.tolerations ?? [];
      const missing = taints.filter(([key]) => !tolerations.some((known) => tolerates(known, key)));
      if (missing.length === 0) return;
      const added = missing.map(([key, tolerationSeconds]): Toleration => ({
        key,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds,
      }));
      spec.tolerations = [...tolerations, ...added];
    },
  };
}

function tolerates({ key = '', effect }: Toleration, taint: string): boolean {
  return (key === taint || key === '') && (!effect || effect === 'NoExecute');
}
