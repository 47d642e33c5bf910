/** Values from one type to another. */
import { EvaluationError } from '../errors.ts';
import { formatSeconds, formatTimestamp } from '../json.ts';
import { globalFunction, type Library, memberFunction, walkFirst } from '../overload.ts';
import { A, B, bool, bytes, double, duration, int, list, map, string, timestamp, uint } from '../types.ts';
import {
  type Duration,
  type List,
  type Mapping,
  type Timestamp,
  typeNameOf,
  TypeValue,
  type Uint,
  type Value,
} from '../values.ts';
import { parseDuration, parseTime } from '@timonier/api/time';
import { asDuration, asInt, asTime, asUint } from './operators.ts';

function unreadable(type: string): EvaluationError {
  return new EvaluationError(`type conversion error from 'string' to '${type}'`);
}

function integerOf(text: string, type: string): bigint {
  if (!/^[+-]?\d+$/.test(text)) throw unreadable(type);
  // Longer ones overflow anyway, and would take long to read.
  const digits = text.replace(/^([+-]?)0+(?=\d)/, '$1');
  if (digits.length > 24) throw unreadable(type);
  return BigInt(digits.replace(/^\+/, ''));
}

function truncated(value: number): bigint {
  if (!Number.isFinite(value) || Math.abs(value) >= 2 ** 64) throw new EvaluationError('integer overflow');
  return BigInt(Math.trunc(value));
}

function doubleOf(text: string): number {
  const special: Readonly<Record<string, number>> = {
    nan: Number.NaN,
    inf: Infinity,
    '+inf': Infinity,
    '-inf': -Infinity,
  };
  const known = special[text.toLowerCase().replace(/infinity$/, 'inf')];
  if (known !== undefined) return known;
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(text)) throw unreadable('double');
  return Number(text);
}

/** From this power of ten on, and below the other, Go writes doubles with an exponent. */
const largestPlain = 6;
const smallestPlain = -4;

/** Doubles as Go writes them, with as many digits as tell them apart. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [, mantissa = '', sign = '', digits = ''] = /^(.*)e([+-])(\d+)$/.exec(value.toExponential()) ?? [];
  const power = Number(sign + digits);
  if (power >= smallestPlain && power < largestPlain) return String(value);
  return `${mantissa}e${sign}${digits.padStart(2, '0')}`;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(value: Uint8Array): string {
  try {
    return utf8.decode(value);
  } catch {
    throw new EvaluationError('invalid UTF-8 in bytes, cannot convert to string');
  }
}

function characters(text: string): bigint {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00 && i + 1 < text.length) i++;
    count++;
  }
  return BigInt(count);
}

const sizes = [string, bytes, list(A), map(A, B)] as const;

function sizeOfAny(value: Value): bigint {
  if (typeof value === 'string') return characters(value);
  if (value instanceof Uint8Array) return BigInt(value.length);
  return BigInt((value as List | Mapping).size);
}

export const conversions: Library = {
  size: sizes.flatMap((type) => [
    globalFunction([type], int, sizeOfAny),
    memberFunction([type], int, sizeOfAny),
  ]),
  type: [globalFunction([A], { kind: 'type', of: A }, (value: Value) => new TypeValue(typeNameOf(value)))],
  int: [
    globalFunction([int], int, (value: bigint) => value),
    globalFunction([uint], int, (value: Uint) => asInt(value.value)),
    globalFunction([double], int, (value: number) => asInt(truncated(value))),
    globalFunction([string], int, (value: string) => asInt(integerOf(value, 'int')), { cost: walkFirst }),
    globalFunction([timestamp], int, (value: Timestamp) => {
      const seconds = value.nanos / 1_000_000_000n;
      return value.nanos % 1_000_000_000n < 0n ? seconds - 1n : seconds;
    }),
    globalFunction([duration], int, (value: Duration) => value.nanos),
  ],
  uint: [
    globalFunction([uint], uint, (value: Uint) => value),
    globalFunction([int], uint, (value: bigint) => asUint(value)),
    globalFunction([double], uint, (value: number) => asUint(truncated(value))),
    globalFunction([string], uint, (value: string) => asUint(integerOf(value, 'uint')), { cost: walkFirst }),
  ],
  double: [
    globalFunction([double], double, (value: number) => value),
    globalFunction([int], double, Number),
    globalFunction([uint], double, (value: Uint) => Number(value.value)),
    globalFunction([string], double, doubleOf, { cost: walkFirst }),
  ],
  string: [
    globalFunction([string], string, (value: string) => value),
    globalFunction([bool], string, String),
    globalFunction([int], string, String),
    globalFunction([uint], string, (value: Uint) => String(value.value)),
    globalFunction([double], string, formatDouble),
    globalFunction([bytes], string, decode, { cost: walkFirst }),
    globalFunction([timestamp], string, formatTimestamp),
    globalFunction([duration], string, formatSeconds),
  ],
  bytes: [
    globalFunction([bytes], bytes, (value: Uint8Array) => value),
    globalFunction([string], bytes, (value: string) => new Uint8Array(Buffer.from(value)), {
      cost: walkFirst,
    }),
  ],
  bool: [
    globalFunction([bool], bool, (value: boolean) => value),
    globalFunction([string], bool, (value: string) => {
      if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
      if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
      throw unreadable('bool');
    }),
  ],
  timestamp: [
    globalFunction([timestamp], timestamp, (value: Timestamp) => value),
    globalFunction([int], timestamp, (value: bigint) => asTime(value * 1_000_000_000n)),
    globalFunction([string], timestamp, (value: string) => {
      const instant = parseTime(value);
      if (instant === undefined)
        throw new EvaluationError(`parsing time ${JSON.stringify(value)}: not RFC 3339`);
      return asTime(BigInt(instant.seconds) * 1_000_000_000n + BigInt(instant.nanos));
    }),
  ],
  duration: [
    globalFunction([duration], duration, (value: Duration) => value),
    globalFunction([int], duration, (value: bigint) => asDuration(value)),
    globalFunction([string], duration, (value: string) => {
      const nanos = parseDuration(value);
      if (nanos === undefined) throw new EvaluationError(`time: invalid duration ${JSON.stringify(value)}`);
      return asDuration(nanos);
    }),
  ],
};
