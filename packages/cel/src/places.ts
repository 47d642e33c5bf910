/** Where values stand in the declared types, and how large they can be there, or by their type alone. */
import { exactly, type SizeRange } from './size-range.ts';
import { dyn, type Type } from './types.ts';
import type { Value } from './values.ts';

/** Where a value stands in the declared types; `type` is undefined where they end. */
export interface Place {
  readonly type: Type | undefined;
}

export function sizeAt(place: Place | undefined): SizeRange | undefined {
  if (place?.type === undefined) return undefined;
  return { min: 0, max: 'max' in place.type ? (place.type.max ?? 0) : 0 };
}

export function inside(type: Type, step: string): Type | undefined {
  const isStep = step.startsWith('@');
  if (type.kind === 'list') return step === '@items' || step === '@values' ? type.element : undefined;
  if (type.kind === 'map')
    return step === '@keys' ? type.key : isStep && step !== '@indices' ? type.value : undefined;
  return type.kind === 'object' ? type.fields.get(step)?.type : undefined;
}

/** Of types whose values are all as large. */
export function sizeOfType(type: Type): SizeRange | undefined {
  switch (type.kind) {
    case 'bool':
    case 'double':
    case 'duration':
    case 'int':
    case 'timestamp':
    case 'uint':
      return exactly(1);
    case 'opaque':
      return type.name === 'optional_type' ? sizeOfType(type.parameters[0] ?? dyn) : undefined;
    default:
      return undefined;
  }
}

export function sizeOfLiteral(value: Value): number {
  if (typeof value === 'string') return Array.from(value).length;
  return value instanceof Uint8Array ? value.length : 1;
}
