/** Arithmetic, comparison, membership and indexing. Integers overflow with an error, as the language wants it. */
import { EvaluationError, noSuchOverload } from '../errors.ts';
import { concatenate, equals } from '../equality.ts';
import {
  comparedWork,
  globalFunction,
  type Library,
  type Overload,
  soughtWork,
  walkBoth,
  walkSmaller,
} from '../overload.ts';
import {
  A,
  B,
  bool,
  bytes,
  double,
  duration,
  dyn,
  int,
  list,
  map,
  string,
  timestamp,
  type Type,
  uint,
} from '../types.ts';
import {
  compareNumbers,
  Duration,
  keyOf,
  type List,
  type Mapping,
  Optional,
  Timestamp,
  Uint,
  type Value,
} from '../values.ts';
import { optional } from '../types.ts';

const maxInt = 0x7fff_ffff_ffff_ffffn;
const minInt = -0x8000_0000_0000_0000n;
const maxUint = 0xffff_ffff_ffff_ffffn;
/** Year 1 to 9999. */
const minTime = -62_135_596_800_000_000_000n;
const maxTime = 253_402_300_799_999_999_999n;

export function asInt(value: bigint): bigint {
  if (value > maxInt || value < minInt) throw new EvaluationError('integer overflow');
  return value;
}
export function asUint(value: bigint): Uint {
  if (value > maxUint || value < 0n) throw new EvaluationError('unsigned integer overflow');
  return new Uint(value);
}
export function asTime(nanos: bigint): Timestamp {
  if (nanos < minTime || nanos > maxTime) throw new EvaluationError('timestamp overflow');
  return new Timestamp(nanos);
}
export function asDuration(nanos: bigint): Duration {
  if (nanos > maxInt || nanos < minInt) throw new EvaluationError('integer overflow');
  return new Duration(nanos);
}

function arithmetic(
  onInt: (a: bigint, b: bigint) => bigint,
  onDouble?: (a: number, b: number) => number,
): Overload[] {
  return [
    globalFunction([int, int], int, (a: bigint, b: bigint) => asInt(onInt(a, b))),
    globalFunction([uint, uint], uint, (a: Uint, b: Uint) => asUint(onInt(a.value, b.value))),
    ...(onDouble === undefined ? [] : [globalFunction([double, double], double, onDouble)]),
  ];
}

function divisor(a: bigint, name: string): bigint {
  if (a === 0n) throw new EvaluationError(name);
  return a;
}

type Comparable = bigint | number | Uint | string | boolean | Uint8Array | Timestamp | Duration;

function order(a: Comparable, b: Comparable): number | undefined {
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  if ((a instanceof Timestamp && b instanceof Timestamp) || (a instanceof Duration && b instanceof Duration))
    return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
  return compareNumbers(a as bigint, b as bigint);
}

/** By code points, as UTF-8 bytes would be. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  // Surrogates sort below other units but stand for points above them.
  if (/[\ud800-\udfff]/.test(a) || /[\ud800-\udfff]/.test(b))
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}

function comparison(holds: (order: number) => boolean): Overload[] {
  const call = (a: Comparable, b: Comparable): boolean => {
    const found = order(a, b);
    return found !== undefined && holds(found);
  };
  const numbers: readonly Type[] = [int, uint, double];
  return [
    ...numbers.flatMap((left) => numbers.map((right) => globalFunction([left, right], bool, call))),
    ...[bool, timestamp, duration].map((type) => globalFunction([type, type], bool, call)),
    ...[string, bytes].map((type) => globalFunction([type, type], bool, call, { cost: walkSmaller })),
  ];
}

function index(over: List, at: Value): Value {
  const position = at instanceof Uint ? at.value : at;
  if (typeof position === 'number' && !Number.isInteger(position))
    throw new EvaluationError(`unsupported index value: ${position}`);
  const number = Number(position);
  if (number < 0 || number >= over.size) throw new EvaluationError(`index out of bounds: ${number}`);
  return over.at(number);
}

function lookUp(over: Mapping, key: Value): Value {
  const found = over.get(key);
  if (found === undefined)
    throw new EvaluationError(`no such key: ${typeof key === 'string' ? key : keyOf(key).slice(1)}`);
  return found;
}

function indexOptionally(over: List, at: bigint): Optional {
  const number = Number(at);
  return new Optional(number < 0 || number >= over.size ? undefined : over.at(number));
}

const compared = { cost: walkSmaller, work: comparedWork };

export const operators: Library = {
  '_+_': [
    ...arithmetic(
      (a, b) => a + b,
      (a, b) => a + b,
    ),
    globalFunction([string, string], string, (a: string, b: string) => a + b, { cost: walkBoth }),
    globalFunction(
      [bytes, bytes],
      bytes,
      (a: Uint8Array, b: Uint8Array) => new Uint8Array(Buffer.concat([a, b])),
      { cost: walkBoth },
    ),
    globalFunction([list(A), list(A)], list(A), concatenate),
    globalFunction([timestamp, duration], timestamp, (a: Timestamp, b: Duration) =>
      asTime(a.nanos + b.nanos),
    ),
    globalFunction([duration, timestamp], timestamp, (a: Duration, b: Timestamp) =>
      asTime(a.nanos + b.nanos),
    ),
    globalFunction([duration, duration], duration, (a: Duration, b: Duration) =>
      asDuration(a.nanos + b.nanos),
    ),
  ],
  '_-_': [
    ...arithmetic(
      (a, b) => a - b,
      (a, b) => a - b,
    ),
    globalFunction([timestamp, timestamp], duration, (a: Timestamp, b: Timestamp) =>
      asDuration(a.nanos - b.nanos),
    ),
    globalFunction([timestamp, duration], timestamp, (a: Timestamp, b: Duration) =>
      asTime(a.nanos - b.nanos),
    ),
    globalFunction([duration, duration], duration, (a: Duration, b: Duration) =>
      asDuration(a.nanos - b.nanos),
    ),
  ],
  '_*_': arithmetic(
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  '_/_': arithmetic(
    (a, b) => a / divisor(b, 'division by zero'),
    (a, b) => a / b,
  ),
  '_%_': arithmetic((a, b) => a % divisor(b, 'modulus by zero')),
  '-_': [
    globalFunction([int], int, (a: bigint) => asInt(-a)),
    globalFunction([double], double, (a: number) => -a),
    globalFunction([duration], duration, (a: Duration) => asDuration(-a.nanos)),
  ],
  '!_': [globalFunction([bool], bool, (a: boolean) => !a)],
  // Computed by the interpreter, which does not always evaluate both sides.
  '_&&_': [globalFunction([bool, bool], bool, () => unreachable())],
  '_||_': [globalFunction([bool, bool], bool, () => unreachable())],
  '_?_:_': [globalFunction([bool, A, A], A, () => unreachable())],
  '_==_': [globalFunction([A, A], bool, equals, compared)],
  '_!=_': [globalFunction([A, A], bool, (a: Value, b: Value) => !equals(a, b), compared)],
  '_<_': comparison((found) => found < 0),
  '_<=_': comparison((found) => found <= 0),
  '_>_': comparison((found) => found > 0),
  '_>=_': comparison((found) => found >= 0),
  '@in': [
    globalFunction(
      [A, list(A)],
      bool,
      (value: Value, over: List) => {
        for (const item of over) if (equals(value, item)) return true;
        return false;
      },
      { cost: (_, size) => size ?? 0, work: soughtWork },
    ),
    globalFunction([A, map(A, B)], bool, (key: Value, over: Mapping) => over.get(key) !== undefined),
  ],
  '_[_]': [
    globalFunction([list(A), int], A, index),
    globalFunction([list(A), uint], A, index),
    globalFunction([map(A, B), A], B, lookUp),
    globalFunction([optional(list(A)), int], optional(A), (over: Optional, at: bigint) =>
      over.inner === undefined ? over : indexOptionally(over.inner as List, at),
    ),
    globalFunction([optional(map(A, B)), A], optional(B), (over: Optional, key: Value) =>
      over.inner === undefined ? over : new Optional((over.inner as Mapping).get(key)),
    ),
  ],
  '_[?_]': [
    globalFunction([list(A), int], optional(A), indexOptionally),
    globalFunction([map(A, B), A], optional(B), (over: Mapping, key: Value) => new Optional(over.get(key))),
    globalFunction([optional(list(A)), int], optional(A), (over: Optional, at: bigint) =>
      over.inner === undefined ? over : indexOptionally(over.inner as List, at),
    ),
    globalFunction([optional(map(A, B)), A], optional(B), (over: Optional, key: Value) =>
      over.inner === undefined ? over : new Optional((over.inner as Mapping).get(key)),
    ),
  ],
  dyn: [globalFunction([A], dyn, (value: Value) => value)],
};

function unreachable(): never {
  throw noSuchOverload();
}
