/** Whether values are of the types that a function wants, for calls of which the checker could not know it. */
import type { Overload } from './overload.ts';
import type { Type } from './types.ts';
import {
  Duration,
  List,
  Mapping,
  OpaqueValue,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from './values.ts';

export function fitsAll(overload: Overload, args: readonly Value[]): boolean {
  return overload.args.every((type, i) => fits(type, args[i] ?? null));
}

/** Whether a value is of a type, as far as functions are told apart by it. */
function fits(type: Type, value: Value): boolean {
  switch (type.kind) {
    case 'dyn':
    case 'parameter':
      return true;
    case 'bool':
      return typeof value === 'boolean';
    case 'int':
      return typeof value === 'bigint';
    case 'double':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'null':
      return value === null;
    case 'uint':
      return value instanceof Uint;
    case 'bytes':
      return value instanceof Uint8Array;
    case 'timestamp':
      return value instanceof Timestamp;
    case 'duration':
      return value instanceof Duration;
    case 'type':
      return value instanceof TypeValue;
    case 'list': {
      if (!(value instanceof List)) return false;
      const { element } = type;
      // The first element tells lists of different types apart.
      return (
        value.size === 0 ||
        element.kind === 'dyn' ||
        element.kind === 'parameter' ||
        fits(element, value.at(0))
      );
    }
    case 'map':
    case 'object':
      return value instanceof Mapping;
    default:
      return type.name === 'optional_type'
        ? value instanceof Optional
        : value instanceof OpaqueValue && value.type === type.name;
  }
}
