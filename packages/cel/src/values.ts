/**
 * The values of expressions. Booleans, strings and null are JavaScript's; an int is a bigint, a double is a number;
 * the rest are small immutable classes. Lists and maps are read through interfaces, so that JSON needs no copy.
 */
import { EvaluationError } from './errors.ts';

export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

export class Timestamp {
  /** Nanoseconds since 1970. */
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class Duration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class TypeValue {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

export class Optional {
  /** Undefined for none. */
  readonly inner: Value | undefined;
  constructor(inner: Value | undefined) {
    this.inner = inner;
  }
}

/** A value of a library's own type. */
export class OpaqueValue {
  readonly type: string;
  /** The canonical text: equal values have the same. */
  readonly text: string;
  readonly data: unknown;
  constructor(type: string, text: string, data: unknown) {
    this.type = type;
    this.text = text;
    this.data = data;
  }
}

export abstract class List {
  abstract readonly size: number;
  abstract at(index: number): Value;
  /** How the list compares and adds up; undefined for the usual way. */
  get merge():
    | { readonly type: 'set' }
    | { readonly type: 'map'; readonly keys: readonly string[] }
    | undefined {
    return undefined;
  }

  *[Symbol.iterator](): Generator<Value> {
    for (let i = 0; i < this.size; i++) yield this.at(i);
  }
}

export class ArrayList extends List {
  readonly items: readonly Value[];
  readonly #merge: List['merge'];
  constructor(items: readonly Value[], merge?: List['merge']) {
    super();
    this.items = items;
    this.#merge = merge;
  }
  get size(): number {
    return this.items.length;
  }
  override get merge(): List['merge'] {
    return this.#merge;
  }
  at(index: number): Value {
    const value = this.items[index];
    if (value === undefined) throw new EvaluationError(`index out of bounds: ${index}`);
    return value;
  }
}

export abstract class Mapping {
  abstract readonly size: number;
  /** The value of a key, or undefined. */
  abstract get(key: Value): Value | undefined;
  abstract keys(): Iterable<Value>;
}

export class HashMap extends Mapping {
  readonly #entries: ReadonlyMap<string, readonly [Value, Value]>;
  constructor(entries: Iterable<readonly [Value, Value]>) {
    super();
    const found = new Map<string, readonly [Value, Value]>();
    for (const entry of entries) {
      const id = keyOf(entry[0]);
      if (found.has(id)) throw new EvaluationError(`Failed with repeated key`);
      found.set(id, entry);
    }
    this.#entries = found;
  }
  get size(): number {
    return this.#entries.size;
  }
  get(key: Value): Value | undefined {
    return this.#entries.get(keyOf(key))?.[1];
  }
  *keys(): Generator<Value> {
    for (const [key] of this.#entries.values()) yield key;
  }
}

/** What an expression constructed of a named type, by the names that its fields have in JSON. */
export class ObjectValue extends HashMap {
  readonly typeName: string;
  constructor(typeName: string, entries: Iterable<readonly [Value, Value]>) {
    super(entries);
    this.typeName = typeName;
  }
}

export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Uint
  | Timestamp
  | Duration
  | TypeValue
  | Optional
  | OpaqueValue
  | List
  | Mapping;

/** Identifies a key of a map; numbers that are equal are the same key. */
export function keyOf(key: Value): string {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'bigint') return `n${key}`;
  if (key instanceof Uint) return `n${key.value}`;
  if (typeof key === 'number' && Number.isInteger(key)) return `n${BigInt(key)}`;
  if (typeof key === 'boolean') return `b${key}`;
  throw new EvaluationError(`unsupported key type: ${typeNameOf(key)}`);
}

export function typeNameOf(value: Value): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
    default:
  }
  if (value === null) return 'null_type';
  if (value instanceof Uint) return 'uint';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp';
  if (value instanceof Duration) return 'google.protobuf.Duration';
  if (value instanceof List) return 'list';
  if (value instanceof Mapping) return 'map';
  if (value instanceof TypeValue) return 'type';
  if (value instanceof Optional) return 'optional_type';
  return value.type;
}

export function isNumber(value: Value): value is bigint | number | Uint {
  return typeof value === 'bigint' || typeof value === 'number' || value instanceof Uint;
}

/** Negative, zero or positive; undefined when the two have no order (one is not a number). */
export function compareNumbers(a: bigint | number | Uint, b: bigint | number | Uint): number | undefined {
  const x = a instanceof Uint ? a.value : a;
  const y = b instanceof Uint ? b.value : b;
  if (x < y) return -1;
  if (x > y) return 1;
  return x == y ? 0 : undefined;
}

/** Characters, bytes, items or entries; 1 for everything else. What costs are counted by. */
export function sizeOf(value: Value): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length;
  if (value instanceof List || value instanceof Mapping) return value.size;
  return 1;
}
