/**
 * Charges one write to the quotas of its namespace. In: the quotas, what is written and what it replaces. Out: the
 * quotas whose usage grows, or why the write is refused, in upstream's words. Pure.
 *
 * A quota is held by its `status.hard`: what its owner has just asked for counts once usage is known for it.
 */
import type { ApiObject } from '../object.ts';
import type { ResourceQuota } from '../generated/types.ts';
import { compareQuantities } from '../quantity.ts';
import { add, type Amounts, increase, inWords, only } from './amounts.ts';
import type { Evaluator } from './evaluators.ts';
import { scopesOf } from './scopes.ts';

export interface ChargedWrite {
  readonly object: ApiObject;
  /** What it replaces; undefined for a creation. */
  readonly old: ApiObject | undefined;
  /** False for what is merely recorded, since it happened already. */
  readonly mayRefuse: boolean;
  /** Milliseconds. */
  readonly now: number;
}

export type Charge =
  | { readonly refusal: string }
  /** New usage by position in the quotas given; those that do not change are left out. */
  | { readonly used: ReadonlyMap<number, Amounts> };

export function charge(
  quotas: readonly Readonly<ResourceQuota>[],
  evaluator: Evaluator,
  { object, old, mayRefuse, now }: ChargedWrite,
): Charge {
  const counting = [...quotas.entries()].filter(([, quota]) => counts(quota, evaluator, object));
  for (const [, quota] of counting) {
    const problem = unready(quota, evaluator, object);
    if (problem !== undefined) return { refusal: problem };
  }
  const used = new Map<number, Amounts>();
  if (counting.length === 0) return { used };
  const usage = evaluator.usage(object, now);
  const negative = Object.keys(usage).filter((name) => compareQuantities(usage[name], '0') < 0);
  if (negative.length > 0)
    return { refusal: `quota usage is negative for resource(s): ${negative.toSorted().join(',')}` };
  const before = old === undefined ? {} : evaluator.usage(old, now);
  for (const [i, quota] of counting) {
    const hard = quota.status?.hard ?? {};
    const known = quota.status?.used ?? {};
    // What did not count for this quota before counts in full.
    const counted = old !== undefined && counts(quota, evaluator, old);
    const requested = only(increase(usage, counted ? before : {}), Object.keys(hard));
    if (Object.keys(requested).length === 0) continue;
    const next = add(known, requested);
    const exceeded = Object.keys(requested).filter((name) => compareQuantities(next[name], hard[name]) > 0);
    if (exceeded.length > 0 && mayRefuse)
      return {
        refusal:
          `exceeded quota: ${quota.metadata?.name ?? ''}, requested: ${inWords(only(requested, exceeded))}, ` +
          `used: ${inWords(only(known, exceeded))}, limited: ${inWords(only(hard, exceeded))}`,
      };
    used.set(i, next);
  }
  return { used };
}

/** Whether a quota is about an object: it limits something that such objects use, and they are of all its scopes. */
export function counts(quota: Readonly<ResourceQuota>, evaluator: Evaluator, object: ApiObject): boolean {
  return (
    Object.keys(quota.status?.hard ?? {}).some(evaluator.measures) &&
    scopesOf(quota.spec).every((scope) => evaluator.hasScope(object, scope))
  );
}

/** Why nothing can be charged to a quota yet. */
function unready(
  { metadata, status }: Readonly<ResourceQuota>,
  evaluator: Evaluator,
  object: ApiObject,
): string | undefined {
  const name = metadata?.name ?? '';
  const restricted = Object.keys(status?.hard ?? {}).filter(evaluator.measures);
  const missing = evaluator.missing?.(object, restricted);
  if (missing !== undefined) return `failed quota: ${name}: ${missing}`;
  if (restricted.some((one) => status?.used?.[one] === undefined))
    return `status unknown for quota: ${name}, resources: ${restricted.toSorted().join(',')}`;
  return undefined;
}
