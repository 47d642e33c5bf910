/**
 * Amounts such as `500m`, `1Gi` and `1e3`. A quantity is an exact number of billionths plus the way it likes to be
 * written; finer digits round away from zero. Writing is canonical: no fraction, the largest unit that keeps it whole.
 */

export type QuantityFormat = 'decimal' | 'binary' | 'exponent';

export interface Quantity {
  /** Billionths. */
  readonly nano: bigint;
  readonly format: QuantityFormat;
}

/** A JSON value that is meant as a quantity: numbers are allowed beside strings. */
export type QuantityLike = string | number | undefined;

export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

const BILLION = 1_000_000_000n;
const MAX = (2n ** 63n - 1n) * BILLION;
const DECIMAL: Readonly<Record<string, number>> = {
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
const BINARY: Readonly<Record<string, number>> = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 };
const DECIMAL_SUFFIX = new Map(Object.entries(DECIMAL).map(([suffix, power]) => [power, suffix]));
const BINARY_SUFFIX = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const WRONG_FORMAT =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const WRONG_SUFFIX = "unable to parse quantity's suffix";
const SHAPE = /^([+-]?)(\d*)(?:\.(\d*))?([A-Za-z]*)([-+]?\d*)$/;
/** Longer texts are refused before arithmetic: the value could not be in range. */
const MAX_LENGTH = 256;

/** The same few texts come again and again. */
const known = new Map<string, Quantity>();
const maxKnown = 1_000;
const maxKnownLength = 24;

/** Reads a quantity. Throws a `QuantityError` whose message is what clients are told. */
export function parseQuantity(text: string | number): Quantity {
  if (typeof text !== 'string' || text.length > maxKnownLength) return readQuantity(text);
  let quantity = known.get(text);
  if (quantity === undefined) {
    quantity = readQuantity(text);
    if (known.size >= maxKnown) known.clear();
    known.set(text, quantity);
  }
  return quantity;
}

function readQuantity(text: string | number): Quantity {
  const source = typeof text === 'number' ? String(text) : text;
  const match = source.length > MAX_LENGTH ? null : SHAPE.exec(source);
  if (match === null) throw new QuantityError(WRONG_FORMAT);
  const [, sign = '', whole = '', fraction = '', letters = '', digits = ''] = match;
  if (whole === '' && fraction === '') throw new QuantityError(WRONG_FORMAT);
  let numerator = BigInt(whole + fraction);
  let power = -fraction.length;
  let format: QuantityFormat = 'decimal';
  if ((letters === 'e' || letters === 'E') && digits !== '' && digits !== '+' && digits !== '-') {
    format = 'exponent';
    power += Number(digits);
  } else if (digits !== '') {
    throw new QuantityError(WRONG_SUFFIX);
  } else if (Object.hasOwn(BINARY, letters)) {
    format = 'binary';
    numerator <<= BigInt(10 * (BINARY[letters] ?? 0));
  } else if (Object.hasOwn(DECIMAL, letters)) {
    power += DECIMAL[letters] ?? 0;
  } else {
    throw new QuantityError(WRONG_SUFFIX);
  }
  const scaled = scale(numerator, power + 9);
  const bounded = scaled > MAX ? MAX : scaled;
  return { nano: sign === '-' ? -bounded : bounded, format };
}

/** `value · 10^power`, rounded up. Powers far outside the range are cut short: the caller bounds the result. */
function scale(value: bigint, power: number): bigint {
  if (value === 0n) return 0n;
  if (power >= 0) return power > 64 ? MAX + 1n : value * 10n ** BigInt(power);
  if (power < -2 * MAX_LENGTH) return 1n;
  const divisor = 10n ** BigInt(-power);
  return (value + divisor - 1n) / divisor;
}

/** The canonical text. */
export function formatQuantity(quantity: Quantity): string {
  const { nano } = quantity;
  if (nano === 0n) return '0';
  const negative = nano < 0n;
  const absolute = negative ? -nano : nano;
  const sign = negative ? '-' : '';
  if (quantity.format === 'binary' && absolute >= 1024n * BILLION && absolute % BILLION === 0n) {
    let value = absolute / BILLION;
    let unit = 0;
    while (unit < 6 && value % 1024n === 0n) {
      value /= 1024n;
      unit += 1;
    }
    return `${sign}${value}${BINARY_SUFFIX[unit]}`;
  }
  let value = absolute;
  let power = -9;
  while (power < 18 && value % 1000n === 0n) {
    value /= 1000n;
    power += 3;
  }
  if (quantity.format === 'exponent') return `${sign}${value}e${power}`;
  return `${sign}${value}${DECIMAL_SUFFIX.get(power) ?? ''}`;
}

/** The canonical text of a quantity in any spelling. */
export function canonicalQuantity(text: string | number): string {
  return formatQuantity(parseQuantity(text));
}

function nanoOf(value: QuantityLike): bigint {
  return value === undefined ? 0n : parseQuantity(value).nano;
}

/** Negative, zero or positive as `a` is below, equal to or above `b`; a missing quantity counts as zero. */
export function compareQuantities(a: QuantityLike, b: QuantityLike): number {
  const difference = nanoOf(a) - nanoOf(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The sum, written in the manner of the first; a missing quantity counts as zero. */
export function addQuantities(a: QuantityLike, b: QuantityLike): string {
  return combine(a, b, 1n);
}

/** The difference, written in the manner of the first; a missing quantity counts as zero. */
export function subtractQuantities(a: QuantityLike, b: QuantityLike): string {
  return combine(a, b, -1n);
}

function combine(a: QuantityLike, b: QuantityLike, sign: bigint): string {
  const left = parseQuantity(a ?? '0');
  const right = parseQuantity(b ?? '0');
  // A sum is written without the power that says nothing, which a number that was sent keeps.
  return formatQuantity({
    nano: left.nano + sign * right.nano,
    format: left.nano === 0n ? right.format : left.format,
  }).replace(/e0$/, '');
}

/** In whole units, rounded up: bytes for memory, pieces for counted resources. */
export function quantityValue(value: QuantityLike): number {
  return Number(roundUp(nanoOf(value), BILLION));
}

/** In thousandths, rounded up: the usual unit for processors. */
export function quantityMilli(value: QuantityLike): number {
  return Number(roundUp(nanoOf(value), 1_000_000n));
}

function roundUp(value: bigint, unit: bigint): bigint {
  return value >= 0n ? (value + unit - 1n) / unit : -((-value + unit - 1n) / unit);
}
