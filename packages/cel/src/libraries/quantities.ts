/** Kubernetes' quantities, with the object model's exact arithmetic. */
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  parseQuantity,
  subtractQuantities,
} from '@timonier/api/quantity';
import { EvaluationError } from '../errors.ts';
import { globalFunction, type Library, memberFunction, type Overload, walkFirst } from '../overload.ts';
import { bool, double, int, opaque, string } from '../types.ts';
import { OpaqueValue } from '../values.ts';

const quantity = opaque('kubernetes.Quantity');

/** Equal amounts have the same text, whatever their suffix was. */
function make(text: string): OpaqueValue {
  return new OpaqueValue(quantity.name, normalized(text), text);
}

/** The amount in nanos, the smallest unit there is. */
function nanos(text: string): bigint {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text);
  if (match === null) throw new EvaluationError(`quantity ${text} cannot be read`);
  const [, sign = '', digits = '', fraction = '', exponent, suffix = ''] = match;
  const binary = /^([KMGTPE])i$/.exec(suffix);
  const powers: Readonly<Record<string, number>> = {
    n: -9,
    u: -6,
    m: -3,
    '': 0,
    k: 3,
    M: 6,
    G: 9,
    T: 12,
    P: 15,
    E: 18,
  };
  const scale =
    (exponent === undefined ? (powers[binary === null ? suffix : ''] ?? 0) : Number(exponent.slice(1))) +
    9 -
    fraction.length;
  let value = BigInt(digits + fraction || '0');
  if (binary !== null) value *= 1024n ** BigInt('KMGTPE'.indexOf(binary[1] ?? '') + 1);
  if (scale >= 0) value *= 10n ** BigInt(scale);
  else {
    const divisor = 10n ** BigInt(-scale);
    value = (value + divisor - 1n) / divisor;
  }
  return sign === '-' ? -value : value;
}

function normalized(text: string): string {
  return String(nanos(text));
}

function read(text: string): OpaqueValue {
  try {
    parseQuantity(text);
    return make(canonicalQuantity(text));
  } catch (error) {
    throw new EvaluationError(error instanceof Error ? error.message : String(error));
  }
}

function isQuantity(text: string): boolean {
  try {
    parseQuantity(text);
    return true;
  } catch {
    return false;
  }
}

const textOf = (value: OpaqueValue): string => value.data as string;
const unit = 1_000_000_000n;

function compare(a: OpaqueValue, b: OpaqueValue): number {
  return compareQuantities(textOf(a), textOf(b));
}

function isInteger(value: OpaqueValue): boolean {
  const amount = nanos(textOf(value));
  const whole = amount / unit;
  return amount % unit === 0n && BigInt.asIntN(64, whole) === whole;
}

function sum(combine: (a: string, b: string) => string): Overload[] {
  return [
    memberFunction([quantity, quantity], quantity, (a: OpaqueValue, b: OpaqueValue) =>
      make(combine(textOf(a), textOf(b))),
    ),
    memberFunction([quantity, int], quantity, (a: OpaqueValue, b: bigint) =>
      make(combine(textOf(a), String(b))),
    ),
  ];
}

export const quantities: Library = {
  quantity: [globalFunction([string], quantity, read, { cost: walkFirst })],
  isQuantity: [globalFunction([string], bool, isQuantity, { cost: walkFirst })],
  // No member in Kubernetes, though its documentation says so.
  sign: [
    globalFunction([quantity], int, (value: OpaqueValue) => {
      const amount = nanos(textOf(value));
      return amount > 0n ? 1n : amount < 0n ? -1n : 0n;
    }),
  ],
  isInteger: [memberFunction([quantity], bool, isInteger)],
  asInteger: [
    memberFunction([quantity], int, (value: OpaqueValue) => {
      if (!isInteger(value)) throw new EvaluationError('cannot convert value to integer');
      return nanos(textOf(value)) / unit;
    }),
  ],
  asApproximateFloat: [
    memberFunction([quantity], double, (value: OpaqueValue) => Number(nanos(textOf(value))) / 1e9),
  ],
  add: sum(addQuantities),
  sub: sum(subtractQuantities),
  isLessThan: [
    memberFunction([quantity, quantity], bool, (a: OpaqueValue, b: OpaqueValue) => compare(a, b) < 0),
  ],
  isGreaterThan: [
    memberFunction([quantity, quantity], bool, (a: OpaqueValue, b: OpaqueValue) => compare(a, b) > 0),
  ],
  compareTo: [
    memberFunction([quantity, quantity], int, (a: OpaqueValue, b: OpaqueValue) =>
      BigInt(Math.sign(compare(a, b))),
    ),
  ],
};
