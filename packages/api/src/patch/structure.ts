/**
 * What patching needs to know of a type: how its lists and maps merge. The object model's schema satisfies this
 * interface; `undefined` stands for an unknown type, whose maps merge by key and whose lists are atomic.
 *
 * Source of the rules: the `listType`, `listMapKey`, `mapType`, `patchStrategy` and `patchMergeKey` markers of the
 * Kubernetes API.
 */

import { isBigInteger } from '../json.ts';

export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

export interface Structure {
  /** `raw` holds any JSON and is never looked into. */
  readonly kind: 'object' | 'map' | 'list' | 'scalar' | 'raw';
  /** The name of an object's type, such as `io.k8s.api.core.v1.Pod`. */
  readonly message?: string | undefined;
  /** The structure of a field of an object; undefined when it has no such field. */
  field(name: string): Structure | undefined;
  /** The structure of a list's items. */
  readonly items?: Structure | undefined;
  /** The structure of a map's values. */
  readonly values?: Structure | undefined;
  readonly listType?: 'atomic' | 'set' | 'map' | undefined;
  readonly listMapKeys?: readonly string[] | undefined;
  /** An atomic map or object is replaced whole. */
  readonly mapType?: 'atomic' | 'granular' | undefined;
  readonly structType?: 'atomic' | 'granular' | undefined;
  readonly patchStrategy?: readonly string[] | undefined;
  readonly patchMergeKey?: string | undefined;
  /** Whether an object's absence differs from its zero value. */
  readonly pointer?: boolean | undefined;
  /** `never`: the field is always written, so that its container is always there. */
  readonly omit?: 'never' | 'empty' | 'zero' | undefined;
  /** Default of a scalar; keys of associative lists take it when absent. */
  readonly default?: unknown;
}

/** A stand-in for a large integer is none. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isBigInteger(value);
}

/** The structure of `key` in an object or a map. */
export function member(structure: Structure | undefined, key: string): Structure | undefined {
  if (structure === undefined) return undefined;
  return structure.kind === 'map' ? structure.values : structure.field(key);
}

export { sameJson as jsonEqual } from '../same-json.ts';

/** Sets a key as plain data, whatever its name: `__proto__` becomes an ordinary own property. */
export function setKey(object: JsonObject, key: string, value: JsonValue): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[key] = value;
  }
}
