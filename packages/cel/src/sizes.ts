/** How large values can become, as far as their types say. */
import type { Overload } from './overload.ts';
import { dyn, type Type } from './types.ts';

/** The largest size that values of a type have; infinite when nobody knows. */
export function maxSize(type: Type): number {
  switch (type.kind) {
    case 'string':
    case 'bytes':
    case 'list':
    case 'map':
      return type.max ?? Number.POSITIVE_INFINITY;
    case 'dyn':
      return Number.POSITIVE_INFINITY;
    case 'object':
      return type.fields.size;
    case 'opaque':
      return type.parameters.length > 0 ? maxSize(type.parameters[0] ?? dyn) : 64;
    default:
      return 1;
  }
}

/** The result of a call, with the size that the sizes of the arguments allow. */
export function sized(result: Type, overload: Overload, types: readonly Type[]): Type {
  if (result.kind !== 'string' && result.kind !== 'bytes' && result.kind !== 'list' && result.kind !== 'map')
    return result;
  // A type that came out of an argument, such as an element, knows its own size.
  if (result.max !== undefined) return result;
  const sizes = types.map(maxSize);
  const max =
    overload.sizeByTypes?.(...types) ??
    overload.size?.(...sizes) ??
    sizes.reduce((sum, size) => sum + size, 0);
  if (!Number.isFinite(max)) return result;
  if (result.kind !== 'list' || result.element.kind !== 'string' || result.element.max !== undefined)
    return { ...result, max };
  // No part of a text is longer than the whole.
  return { ...result, element: { ...result.element, max }, max };
}
