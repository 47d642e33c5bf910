/** What objects of one kind use together of a quota. Pure; the usage of an object is worked out once. */
import type { ApiObject } from '../object.ts';
import type { ResourceQuota } from '../generated/types.ts';
import { add, type Amounts, only } from './amounts.ts';
import type { Evaluator } from './evaluators.ts';
import { scopesOf } from './scopes.ts';

/**
 * Usage of the names of `spec.hard` that this kind measures, zero included. `now` in milliseconds.
 */
export function countUsage(
  quota: Readonly<ResourceQuota>,
  evaluator: Evaluator,
  objects: Iterable<ApiObject>,
  now: number,
): Amounts {
  const names = Object.keys(quota.spec?.hard ?? {}).filter(evaluator.measures);
  const scopes = scopesOf(quota.spec);
  let total: Amounts = Object.fromEntries(names.map((name) => [name, '0']));
  for (const object of objects)
    if (scopes.every((scope) => evaluator.hasScope(object, scope)))
      total = add(total, only(evaluator.usage(object, now), names));
  return total;
}
