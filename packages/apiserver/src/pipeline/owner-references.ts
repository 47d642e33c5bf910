/** Owners that are named more than once. There may be tens of thousands, so that they are never compared in pairs. */
import type { OwnerReference } from '@timonier/api';
import { textOfJson } from '@timonier/api/same-json';

/** Each owner once, and those that were there before. */
export function distinctOwners(owners: readonly OwnerReference[]): {
  readonly each: OwnerReference[];
  readonly repeated: OwnerReference[];
} {
  const known = new Set<string>();
  const repeated: OwnerReference[] = [];
  const each = owners.filter((owner) => {
    const text = textOfJson(owner);
    const isKnown = known.has(text);
    if (isKnown) repeated.push(owner);
    else known.add(text);
    return !isKnown;
  });
  return { each, repeated };
}
