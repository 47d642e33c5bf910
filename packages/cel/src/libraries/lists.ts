/** Kubernetes' list functions. */
import { EvaluationError } from '../errors.ts';
import { type Library, memberFunction, type Overload } from '../overload.ts';
import { A, bool, double, duration, int, list, type Type, uint } from '../types.ts';
import { equals } from '../equality.ts';
import { Duration, type List, Uint, type Value } from '../values.ts';
import { asDuration, asInt, asUint } from './operators.ts';
import { comparable, isLess } from './order.ts';

const walk = { cost: (size?: number): number => size ?? 0 };

function extreme(better: (a: Value, b: Value) => boolean, name: string): (items: List) => Value {
  return (items) => {
    let best: Value | undefined;
    for (const item of items) if (best === undefined || better(item, best)) best = item;
    if (best === undefined) throw new EvaluationError(`${name} called on empty list`);
    return best;
  };
}

const min = extreme(isLess, 'min');
const max = extreme((a, b) => isLess(b, a), 'max');

function isSorted(items: List): boolean {
  for (let i = 1; i < items.size; i++) if (isLess(items.at(i), items.at(i - 1))) return false;
  return true;
}

function sum(type: Type, zero: Value, add: (a: never, b: never) => Value): Overload {
  const plus = add as (a: Value, b: Value) => Value;
  return memberFunction([list(type)], type, (items: List) => [...items].reduce(plus, zero), walk);
}

function position(items: List, wanted: Value): bigint {
  for (let i = 0; i < items.size; i++) if (equals(items.at(i), wanted)) return BigInt(i);
  return -1n;
}

function lastPosition(items: List, wanted: Value): bigint {
  for (let i = items.size - 1; i >= 0; i--) if (equals(items.at(i), wanted)) return BigInt(i);
  return -1n;
}

export const lists: Library = {
  isSorted: comparable.map((type) => memberFunction([list(type)], bool, isSorted, walk)),
  min: comparable.map((type) => memberFunction([list(type)], type, min, walk)),
  max: comparable.map((type) => memberFunction([list(type)], type, max, walk)),
  sum: [
    sum(int, 0n, (a: bigint, b: bigint) => asInt(a + b)),
    sum(uint, new Uint(0n), (a: Uint, b: Uint) => asUint(a.value + b.value)),
    sum(double, 0, (a: number, b: number) => a + b),
    sum(duration, new Duration(0n), (a: Duration, b: Duration) => asDuration(a.nanos + b.nanos)),
  ],
  indexOf: [memberFunction([list(A), A], int, position, walk)],
  lastIndexOf: [memberFunction([list(A), A], int, lastPosition, walk)],
};
