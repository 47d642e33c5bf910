/** The order of values of one type, which is that of `<`. */
import { bool, bytes, double, duration, int, string, timestamp, type Type, uint } from '../types.ts';
import type { Value } from '../values.ts';
import { operators } from './operators.ts';

/** The types whose values have an order. */
export const comparable: readonly Type[] = [int, uint, double, bool, duration, timestamp, string, bytes];

const [less] = operators['_<_'] ?? [];

export function isLess(a: Value, b: Value): boolean {
  return less?.call(a, b) === true;
}
