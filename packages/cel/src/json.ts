/**
 * JSON as values, by its type: numbers become ints where the schema says integer, texts become times where it says so,
 * and objects are read in place. Without a type a whole number is an int.
 */
import { isBigInteger } from '@timonier/api/json';
import { parseDuration, parseTime } from '@timonier/api/time';
import { EvaluationError } from './errors.ts';
import { dyn, type ListType, type MapType, type ObjectType, type Type } from './types.ts';
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

type Json = Record<string, unknown>;

export function fromJson(json: unknown, type: Type = dyn): Value {
  if (json === null || json === undefined) return null;
  if (isBigInteger(json)) return BigInt(json.rawJSON);
  switch (typeof json) {
    case 'boolean':
      return json;
    case 'number':
      // What is larger was written with an exponent, or comes as an exact stand-in.
      if (type.kind === 'double' || !Number.isSafeInteger(json)) return json;
      return BigInt(json);
    case 'string':
      return fromText(json, type);
    default:
  }
  if (Array.isArray(json)) return new JsonList(json, type.kind === 'list' ? type : undefined);
  return new JsonMap(json as Json, type.kind === 'map' || type.kind === 'object' ? type : undefined);
}

function fromText(text: string, type: Type): Value {
  switch (type.kind) {
    case 'timestamp': {
      const instant = parseTime(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
      if (instant === undefined) throw new EvaluationError(`"${text}" is not a time`);
      return new Timestamp(BigInt(instant.seconds) * 1_000_000_000n + BigInt(instant.nanos));
    }
    case 'duration': {
      const nanos = parseDuration(text);
      if (nanos === undefined) throw new EvaluationError(`"${text}" is not a duration`);
      return new Duration(nanos);
    }
    case 'bytes':
      return new Uint8Array(Buffer.from(text, 'base64'));
    default:
      return text;
  }
}

class JsonList extends List {
  readonly #items: readonly unknown[];
  readonly #type: ListType | undefined;
  constructor(items: readonly unknown[], type: ListType | undefined) {
    super();
    this.#items = items;
    this.#type = type;
  }
  get size(): number {
    return this.#items.length;
  }
  override get merge(): List['merge'] {
    return this.#type?.merge;
  }
  at(index: number): Value {
    if (index < 0 || index >= this.#items.length) throw new EvaluationError(`index out of bounds: ${index}`);
    return fromJson(this.#items[index], this.#type?.element);
  }
}

class JsonMap extends Mapping {
  readonly #json: Json;
  readonly #type: MapType | ObjectType | undefined;
  constructor(json: Json, type: MapType | ObjectType | undefined) {
    super();
    this.#json = json;
    this.#type = type;
  }
  get size(): number {
    return Object.keys(this.#json).length;
  }
  get(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined;
    const field = this.#type?.kind === 'object' ? this.#type.fields.get(key) : undefined;
    const name = field?.jsonName ?? key;
    if (!Object.hasOwn(this.#json, name)) return undefined;
    const type = field?.type ?? (this.#type?.kind === 'map' ? this.#type.value : undefined);
    return fromJson(this.#json[name], type);
  }
  *keys(): Generator<Value> {
    const names = this.#type?.kind === 'object' ? escapedNames(this.#type) : undefined;
    for (const name of Object.keys(this.#json)) yield names?.get(name) ?? name;
  }
}

const escaped = new WeakMap<ObjectType, ReadonlyMap<string, string>>();

function escapedNames(type: ObjectType): ReadonlyMap<string, string> {
  let names = escaped.get(type);
  if (names === undefined) {
    names = new Map([...type.fields].map(([name, { jsonName }]) => [jsonName, name]));
    escaped.set(type, names);
  }
  return names;
}

/** A value as JSON: ints beyond what numbers hold become exact stand-ins, times and bytes texts. */
export function toJson(value: Value): unknown {
  if (typeof value === 'bigint')
    return Number.isSafeInteger(Number(value)) ? Number(value) : rawNumber(value);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Uint) return toJson(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof List) return [...value].map(toJson);
  if (value instanceof Mapping)
    return Object.fromEntries(
      [...value.keys()].map((key) => [String(toJson(key)), toJson(value.get(key) ?? null)]),
    );
  if (value instanceof Optional) return value.inner === undefined ? null : toJson(value.inner);
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return formatSeconds(value);
  if (value instanceof TypeValue) return value.name;
  return value instanceof OpaqueValue ? value.text : null;
}

function rawNumber(value: bigint): unknown {
  return (JSON as unknown as { rawJSON(text: string): object }).rawJSON(value.toString());
}

/** RFC 3339 in UTC, with as many decimals as there are. */
export function formatTimestamp({ nanos }: Timestamp): string {
  const fraction = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = (nanos - fraction) / 1_000_000_000n;
  const whole = new Date(Number(seconds) * 1_000).toISOString().slice(0, 19);
  const decimals = fraction === 0n ? '' : `.${fraction.toString().padStart(9, '0').replace(/0+$/, '')}`;
  return `${whole}${decimals}Z`;
}

/** Seconds with a final `s`, as CEL writes durations. */
export function formatSeconds({ nanos }: Duration): string {
  const sign = nanos < 0n ? '-' : '';
  const size = nanos < 0n ? -nanos : nanos;
  const fraction = size % 1_000_000_000n;
  const decimals = fraction === 0n ? '' : `.${fraction.toString().padStart(9, '0').replace(/0+$/, '')}`;
  return `${sign}${size / 1_000_000_000n}${decimals}s`;
}
