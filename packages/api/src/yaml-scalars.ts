/**
 * What a plain scalar of YAML stands for, as the YAML that Kubernetes reads has it: the words of version 1.1 (`off` is a
 * boolean) and the integers of Go (`0o17`, `0b1`, `1_000`). Timestamps and `1:30` stay texts. Pure.
 */
import { integerValue } from './json.ts';

const words: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map(
    (word) => [word, true] as const,
  ),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map(
    (word) => [word, false] as const,
  ),
  ...['.nan', '.NaN', '.NAN'].map((word) => [word, Number.NaN] as const),
  ...['.inf', '.Inf', '.INF'].flatMap((word) => [
    [word, Infinity] as const,
    [`+${word}`, Infinity] as const,
    [`-${word}`, -Infinity] as const,
  ]),
]);

const integer = /^([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9]\d*))$/;
const float = /^[+-]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][+-]?\d+)?$/;
/** Nothing else may be a number. */
const numeric = /^[-+.\d]/;
const minInteger = -(2n ** 63n);
/** Of those without a sign one bit more counts. */
const endOfIntegers = 2n ** 64n;

/** The value; the text itself when it is nothing else. */
export function plainScalar(text: string): unknown {
  const word = words.get(text);
  if (word !== undefined) return word;
  if (!numeric.test(text)) return text;
  const plain = text.startsWith('.') ? text : text.replaceAll('_', '');
  return integerOf(plain) ?? floatOf(plain) ?? text;
}

function integerOf(plain: string): unknown {
  const [, sign, hexadecimal, binary, octal, decimal] = integer.exec(plain) ?? [];
  const digits =
    hexadecimal !== undefined
      ? `0x${hexadecimal}`
      : binary !== undefined
        ? `0b${binary}`
        : octal !== undefined
          ? `0o${octal}`
          : decimal;
  if (digits === undefined) return undefined;
  const magnitude = BigInt(digits);
  const value = sign === '-' ? -magnitude : magnitude;
  const isHeld = value >= minInteger && value < (sign === '' ? endOfIntegers : -minInteger);
  return isHeld ? integerValue(value) : undefined;
}

function floatOf(plain: string): number | undefined {
  if (!float.test(plain)) return undefined;
  const value = Number(plain);
  return Number.isFinite(value) ? value : undefined;
}
