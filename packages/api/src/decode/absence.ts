/**
 * What the normal form says of values that are not given, and of those that say no more than their absence.
 *
 * An empty list that is left out was sent all the same: texts about it show it, and who sent one that is always written
 * owns it. So an object remembers which of its fields were sent empty, under a symbol: shallow copies keep it, and nothing
 * that is stored, sent or compared has it.
 */
import type { Schema } from '../schema.ts';

/** Whether the normal form leaves a value out, because it says no more than its absence. */
export function isOmitted(field: Schema, value: unknown): boolean {
  if (field.omit === 'never') return false;
  if (Array.isArray(value)) return value.length === 0;
  if (field.kind === 'map') return Object.keys(value as object).length === 0;
  if (field.pointer) return false;
  if (field.omit === 'zero') return value === undefined;
  return !isStruct(field) && (value === '' || value === 0 || value === false);
}

/** Scalars that the reference implementation models as structures: they are never empty. */
export function isStruct(field: Schema): boolean {
  return field.scalar === 'intOrString' || field.scalar === 'quantity' || field.scalar === 'duration';
}

/** The zero of a scalar; undefined where there is none. */
export function zeroScalar(schema: Schema): unknown {
  switch (schema.scalar) {
    case 'string':
    case 'bytes':
      return '';
    case 'bool':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 0;
    case 'quantity':
      return '0';
    case 'duration':
      return '0s';
    default:
      return undefined;
  }
}

const sentEmpty: unique symbol = Symbol('fields that were sent empty');

interface Noted {
  [sentEmpty]?: Record<string, unknown>;
}

/** Remembers a list, map or text of bytes that was sent empty. */
export function noteEmpty(parent: object, name: string, value: unknown): void {
  ((parent as Noted)[sentEmpty] ??= {})[name] = value;
}

/** Lets a copy of an object know what the object does. */
export function keepNotes(from: object, to: object): void {
  const noted = (from as Noted)[sentEmpty];
  if (noted !== undefined) (to as Noted)[sentEmpty] = noted;
}

/** A field's value as it was sent: an empty list or map is there, too. */
export function asSent(parent: object | undefined, name: string): unknown {
  if (parent === undefined) return undefined;
  return wasSentEmpty(parent, name)
    ? (parent as Noted)[sentEmpty]?.[name]
    : (parent as Readonly<Record<string, unknown>>)[name];
}

/** Whether a field was sent empty. */
export function wasSentEmpty(parent: object, name: string): boolean {
  const noted = (parent as Noted)[sentEmpty];
  return noted !== undefined && Object.hasOwn(noted, name);
}
