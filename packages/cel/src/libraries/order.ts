/** The order of values of one type, which is that of `<`. */
import type { Value } from '../values.ts';
import { operators } from './operators.ts';

const [less] = operators['_<_'] ?? [];

export function isLess(a: Value, b: Value): boolean {
  return less?.call(a, b) === true;
}
