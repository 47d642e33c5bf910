/** What differs on purpose, each with its reason. `npm run conformance -- metrics` says which are not seen any more. */
import type { Kind } from './compare.ts';
import type { ComponentName } from './world.ts';

export interface Difference {
  readonly metrics: RegExp;
  readonly kinds: readonly Kind[];
  /** Everywhere unless told. */
  readonly in?: readonly ComponentName[];
  readonly reason: string;
}

export const meant: readonly Difference[] = [
  {
    metrics: /^go_|^etcd_server_go_version$/,
    kinds: ['missing here'],
    reason: "Go's runtime; Node's tells about itself as nodejs_*",
  },
  {
    metrics: /^nodejs_/,
    kinds: ['only here'],
    reason: "Node's runtime, in the place of go_*",
  },
  {
    metrics: /^timonier_/,
    kinds: ['only here'],
    reason: 'what upstream has no name for',
  },
];

export function reasonFor(component: ComponentName, metric: string, kind: Kind): Difference | undefined {
  return meant.find(
    ({ metrics, kinds, in: where }) =>
      metrics.test(metric) && kinds.includes(kind) && (where === undefined || where.includes(component)),
  );
}
