/** Arithmetic on lists of amounts by resource name, as quotas need it. Nothing here changes what it is given. */
import { addQuantities, canonicalQuantity, compareQuantities, subtractQuantities } from '../quantity.ts';

export type Amounts = Readonly<Record<string, string>>;

export function add(a: Amounts, b: Amounts): Amounts {
  const sum: Record<string, string> = { ...a };
  for (const [name, amount] of Object.entries(b))
    sum[name] = addQuantities(Object.hasOwn(sum, name) ? sum[name] : undefined, amount);
  return sum;
}

/** Of each name the larger amount; a name that only one has counts with that one. */
export function largest(a: Amounts, b: Amounts): Amounts {
  const result: Record<string, string> = { ...a };
  for (const [name, amount] of Object.entries(b))
    if (!Object.hasOwn(result, name) || compareQuantities(amount, result[name]) > 0) result[name] = amount;
  return result;
}

/** What `a` has more than `b`, without what is not more. */
export function increase(a: Amounts, b: Amounts): Amounts {
  return Object.fromEntries(
    Object.entries(a)
      .map(([name, amount]) => [name, subtractQuantities(amount, b[name])] as const)
      .filter(([, amount]) => compareQuantities(amount, '0') > 0),
  );
}

/** The amounts of some names. */
export function only(amounts: Amounts, names: Iterable<string>): Amounts {
  const wanted = new Set(names);
  return Object.fromEntries(Object.entries(amounts).filter(([name]) => wanted.has(name)));
}

export function isSame(a: Amounts, b: Amounts): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && compareQuantities(a[name], b[name]) === 0)
  );
}

/** `cpu=1,memory=1Gi`, sorted by name, as upstream prints it. */
export function inWords(amounts: Amounts): string {
  return Object.entries(amounts)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, amount]) => `${name}=${canonicalQuantity(amount)}`)
    .join(',');
}
