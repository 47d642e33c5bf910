/** Whether an exposition has what is needed of it. */
import { boundsOf, type Exposition, labelNames } from './exposition.ts';
import type { Needed } from './needed.ts';

/** What is missing, as sentences; empty when nothing is. */
export function missingOf(exposition: Exposition, needed: readonly Needed[]): string[] {
  return needed.flatMap((one) => {
    const family = exposition.get(one.metric);
    if (family === undefined) return [`${one.metric} is missing`];
    if (family.type !== one.type) return [`${one.metric} is a ${family.type}, not a ${one.type}`];
    if (family.samples.length === 0) return one.mayBeEmpty === true ? [] : [`${one.metric} has no samples`];
    const names = labelNames(family);
    const bounds = new Set(boundsOf(family));
    return [
      ...(one.labels ?? [])
        .filter((label) => !names.includes(label))
        .map((label) => `${one.metric} has no label ${label}, but ${names.join(', ')}`),
      ...(one.bounds ?? [])
        .filter((bound) => !bounds.has(bound))
        .map((bound) => `${one.metric} has no bucket up to ${bound}`),
    ];
  });
}
