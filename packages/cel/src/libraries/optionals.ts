/** Optional values: what may be there or not. */
import { EvaluationError } from '../errors.ts';
import { globalFunction, type Library, memberFunction } from '../overload.ts';
import { A, bool, list, optional } from '../types.ts';
import { ArrayList, Duration, List, Mapping, Optional, Uint, type Value } from '../values.ts';

function isZero(value: Value): boolean {
  if (value === null || value === false || value === 0n || value === 0 || value === '') return true;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Duration) return value.nanos === 0n;
  if (value instanceof Uint8Array) return value.length === 0;
  if (value instanceof Optional) return value.inner === undefined;
  return (value instanceof List || value instanceof Mapping) && value.size === 0;
}

export const optionals: Library = {
  'optional.of': [globalFunction([A], optional(A), (value: Value) => new Optional(value))],
  'optional.none': [globalFunction([], optional(A), () => new Optional(undefined))],
  'optional.ofNonZeroValue': [
    globalFunction([A], optional(A), (value: Value) => new Optional(isZero(value) ? undefined : value)),
  ],
  'optional.unwrap': [globalFunction([list(optional(A))], list(A), (items: List) => unwrapped(items))],
  unwrapOpt: [memberFunction([list(optional(A))], list(A), (items: List) => unwrapped(items))],
  hasValue: [memberFunction([optional(A)], bool, (value: Optional) => value.inner !== undefined)],
  value: [
    memberFunction([optional(A)], A, (value: Optional) => {
      if (value.inner === undefined) throw new EvaluationError('optional.none() dereference');
      return value.inner;
    }),
  ],
  or: [
    memberFunction([optional(A), optional(A)], optional(A), (value: Optional, other: Optional) =>
      value.inner === undefined ? other : value,
    ),
  ],
  orValue: [memberFunction([optional(A), A], A, (value: Optional, other: Value) => value.inner ?? other)],
};

function unwrapped(items: List): List {
  return new ArrayList(
    [...items].flatMap((item) => (item instanceof Optional && item.inner !== undefined ? [item.inner] : [])),
  );
}
